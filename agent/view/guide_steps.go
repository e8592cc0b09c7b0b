package view

import (
	"fmt"

	"kextwatch/agent/approval"
	"kextwatch/probe"
)

// stage is a part of the way to an extension that macOS loads. The zero value stands for no stage.
type stage int

const (
	inRecovery stage = iota + 1 // the boot policy of Apple silicon is changed
	trying                      // something tries to load the extension
	allowing
	restarting // or, up to macOS 10.15, using the product
)

// approving returns the steps of an approval by the user, who is at a stage. The steps have
// the same numbers at each stage, so that a printed page stays right.
func approving(at stage, p approval.Product, st approval.Status) []GuideStep {
	if at == restarting && allowedWithoutUser(p) {
		return []GuideStep{now(restartStep(p, st))}
	}
	var steps []GuideStep
	add := func(part stage, step GuideStep) {
		switch {
		case step.State != "": // it decides itself
		case part < at:
			step.State = StepDone
		case part > at || len(steps) > 0 && steps[len(steps)-1].State == StepNow:
			step.State = StepLater
		default:
			step.State = StepNow
		}
		if step.State == StepDone {
			step.See, step.Help = "", ""
		}
		steps = append(steps, step)
	}
	policy := policyState(p, st, at)
	if policy != stepMissing {
		add(inRecovery, startRecovery(policy, st))
		add(inRecovery, GuideStep{State: policy, Do: reduceSecurity(st), See: OnScreen(st.Mac, "macOS asks for an administrator's name and password. If the disk is locked, click {Unlock} first."), recovery: true})
	}
	again := len(steps) + 1
	add(trying, tryStep(p, st, at))
	add(allowing, allowStep(p, st, at, policy, again))
	add(restarting, restartStep(p, st))
	return steps
}

func now(step GuideStep) GuideStep {
	step.State = StepNow
	return step
}

// stepMissing is the state of steps that this Mac does not have.
const stepMissing StepState = "missing"

// policyState returns the state of the steps in macOS Recovery. Empty: that of their stage.
func policyState(p approval.Product, st approval.Status, at stage) StepState {
	boot := st.Facts.Boot
	switch {
	case at == inRecovery:
		return ""
	case st.Mac.Arch == probe.Intel, st.Mac.OS.Known() && !st.Mac.OS.AtLeast(11, 0):
		return stepMissing
	case st.Mac.Arch == "" && !otherVendor(p): // Parallels has no extensions for Apple silicon
		return stepMissing
	case at == restarting: // the user allowed it, which needs the change
		return StepDone
	case st.Mac.Arch == probe.AppleSilicon && boot.Security != "" && boot.Security != probe.FullSecurity && boot.UserKexts == probe.Yes:
		return StepDone
	}
	return StepIfNeeded
}

// allowedWithoutUser reports whether the extensions are allowed, but none by the user.
func allowedWithoutUser(p approval.Product) bool {
	return !hasKext(p, func(k approval.Kext) bool { return k.AllowedBy == approval.ByUser }) &&
		hasKext(p, func(k approval.Kext) bool { return k.AllowedBy != "" })
}

// The labels are those of Apple's guide for Macs with Apple silicon.
func reduceSecurity(st approval.Status) string {
	choose := "choose {Reduced Security}, select “{Allow user management of kernel extensions from identified developers}” and click {OK}"
	if reducedAlready(st) {
		choose = "{Reduced Security} is chosen already. Select “{Allow user management of kernel extensions from identified developers}” and click {OK}"
	}
	return sentences(
		OnScreen(st.Mac, "in the menu bar, choose {Utilities} > {Startup Security Utility}. Select the startup disk and click {Security Policy}"),
		OnScreen(st.Mac, choose), "then restart the Mac")
}

func startRecovery(state StepState, st approval.Status) GuideStep {
	do := fmt.Sprintf("shut down the Mac, then %s", toRecovery(st))
	if state == StepIfNeeded {
		do = OnScreen(st.Mac, "only if the pane shows “{Enable system extensions…}” instead of {Allow}: %s", do)
	}
	return GuideStep{State: state, Do: sentence(do), See: "macOS Recovery starts. It may ask for an administrator's password.", recovery: true}
}

// tryStep brings the Allow button back.
func tryStep(p approval.Product, st approval.Status, at stage) GuideStep {
	way := TryAgain(p, st.Mac.OS)
	if at <= trying {
		way = bringBack(p, st)
	}
	if way == doAgain {
		way = fmt.Sprintf("repeat what needs the kernel extension of %s", p.Name)
	}
	switch lost := hasKext(p, isLost); {
	case p.Verdict == approval.BlockedUnknown && !lost:
		way = OnScreen(st.Mac, "open %s. If there is no {Allow} button%s, %s", PaneFor(st.Mac).Path, forDeveloper(p), way)
	case p.Verdict == approval.UpgradePending:
		way = fmt.Sprintf("open %s. If nothing waits there%s, %s", PaneFor(st.Mac).Path, forDeveloper(p), way)
	}
	return GuideStep{Do: sentence(way), See: OnScreen(st.Mac, "macOS then shows the {Allow} button for %s, but an alert only the first time.", windowLength(st.Mac.OS))}
}

func forDeveloper(p approval.Product) string {
	return named(" for “%s”", Clean(p.Developer))
}

// windowLength is an estimate from macOS 11.
func windowLength(os probe.OSVersion) string {
	if os.AtLeast(11, 0) {
		return "about 30 minutes"
	}
	return "30 minutes"
}

// allowStep is the click. again is the number of the step that brings the button back.
func allowStep(p approval.Product, st approval.Status, at stage, policy StepState, again int) GuideStep {
	os := st.Mac.OS
	click := fmt.Sprintf("open %s and %s", PaneFor(st.Mac).Path, clickOnce(p, st))
	step := GuideStep{Do: sentence(click)}
	switch {
	case p.Window.Open():
		step.Do = fmt.Sprintf("Until %s: %s.", closing(p, st, dated), click)
	case at < allowing:
		step.Do = fmt.Sprintf("Within %s, %s.", windowLength(os), click)
	}
	switch developer := Clean(p.Developer); {
	case developer == "" || len(othersThan(p, st)) > 0:
	case p.Verdict == approval.UpgradePending:
		step.See = fmt.Sprintf("The pane names the developer “%s”.", developer)
	default:
		step.See = fmt.Sprintf("The pane says: System software from developer “%s” was blocked from loading.", developer)
	}
	if os.AtLeast(11, 0) {
		step.See = sentences(step.See, "macOS may ask for an administrator's password, and then offers to restart")
	}
	step.Help = sentences(
		when(os.Known() && !os.AtLeast(13, 0), "if the button is dimmed, click the lock and enter a password"),
		pressTab,
		when(policy == StepIfNeeded, OnScreen(st.Mac, "if the pane shows “{Enable system extensions…}” instead of {Allow}, do steps 1 and 2 first")),
		fmt.Sprintf("if there is no button, go back to step %d", again))
	return step
}

// restartStep is the last one. Up to macOS 10.15 macOS loads the extension without a
// restart.
func restartStep(p approval.Product, st approval.Status) GuideStep {
	if st.Mac.OS.AtLeast(11, 0) {
		return GuideStep{Do: "Restart the Mac.", See: "When it has started, kextwatch shows whether anything is left to do."}
	}
	return GuideStep{Do: sentences(fmt.Sprintf("if %s does not work yet, %s", p.Name, TryAgain(p, st.Mac.OS)), "if that does not help, restart the Mac")}
}

// helping returns the steps for extensions that do not load: approval is given, or would
// not help.
func helping(p approval.Product, _ approval.Status) []GuideStep {
	var steps []GuideStep
	ways, _ := failingWays(p)
	for i, way := range ways {
		steps = append(steps, GuideStep{State: StepLater, Do: way})
		if i == 0 {
			steps[i].State = StepNow
		}
	}
	return steps
}

// askAdministrator returns the steps if only an organization can allow it.
func askAdministrator(p approval.Product, st approval.Status) []GuideStep {
	steps := []GuideStep{
		{State: StepNow, Do: "Send the message below to the administrator of this Mac."},
		{State: StepLater, Do: fmt.Sprintf("Wait until the administrator has allowed %s.", p.Name)},
	}
	if st.Mac.OS.AtLeast(11, 0) {
		step := restartStep(p, st)
		step.State = StepLater
		steps = append(steps, step)
	}
	return steps
}
