package view

import (
	"fmt"
	"strings"

	"kextwatch/agent/approval"
	"kextwatch/notify"
	"kextwatch/probe"
)

// NotTried is the reason if Parallels was asked to try again and no load attempt
// followed. vm reports whether a virtual machine was started for it.
func NotTried(vm bool) Reason {
	next := "Quit Parallels Desktop and open it again. Installing it again also works."
	if vm {
		next = "Start the virtual machine in Parallels Desktop and read its message. Installing Parallels Desktop again also works."
	}
	return Reason{
		approval.Reason{Code: approval.ReasonNotTried, Severity: approval.Obstacle, Check: "parallels.asked"},
		"Parallels did not try to load, or macOS has not reported it yet",
		"kextwatch saw no attempt of Parallels Desktop to load its kernel extensions.",
		next,
	}
}

// OtherWay says how Parallels is made to try if kextwatch cannot start a virtual
// machine for it.
func OtherWay(n approval.Need) string {
	if len(n.VMs) == 0 {
		return "repeat what needed the kernel extension; a virtual machine on Apple's hypervisor needs no approval"
	}
	return byMachine(n)
}

// Started is the reason if the virtual machine started and needs no approval.
func Started() Reason {
	return Reason{
		approval.Reason{Code: approval.ReasonStarted, Severity: approval.Note, Check: "parallels.loaded"},
		"The virtual machine runs", "macOS did not block it. Nothing is left to do.", "",
	}
}

// AfterLoad is the reason why the button did not appear after a load of the kernel
// extensions of another vendor. attempt is the answer of macOS; nil: none.
func AfterLoad(p approval.Product, st approval.Status, attempt *probe.Attempt) Reason {
	code := approval.Reason{Code: approval.ReasonLoadEnded, Severity: approval.Note, Check: "kexts.others"}
	again := sentence(TryAgain(p, st.Mac.OS))
	switch {
	case attempt == nil:
		return Reason{code, "macOS did not answer", fmt.Sprintf("macOS has not finished loading the kernel extensions of %s.", p.Name), again}
	case attempt.Outcome == probe.NeedsRestart:
		return Reason{code, "macOS needs a restart", fmt.Sprintf("The kernel extensions of %s are approved. macOS loads them at the next start.", p.Name), "Restart the Mac."}
	case attempt.Outcome == probe.Permitted:
		return Reason{code, "macOS did not refuse it", fmt.Sprintf("It allows the kernel extensions of %s.", p.Name), fmt.Sprintf("If %s does not work yet, %s.", p.Name, TryAgain(p, st.Mac.OS))}
	}
	return Reason{code, OnScreen(st.Mac, "macOS refused it, and kextwatch cannot see the {Allow} button"), Why(p, st), sentences(fmt.Sprintf("open %s", PaneFor(st.Mac).Path), "if there is no button, "+TryAgain(p, st.Mac.OS))}
}

// BesideButton says what may surprise the user at the Allow button: other developers wait
// there, too, or the button may be missing. It is empty if neither is the case.
func BesideButton(p approval.Product, st approval.Status) string {
	return sentences(when(len(othersThan(p, st)) > 0, clickThere(p, st)), noButtonYet(p, st))
}

// RetryFailed returns the alert after a click on Try Again… that failed.
func RetryFailed(why, next string) notify.Alert {
	return notify.Alert{Title: "Trying again failed", Body: sentences(Clean(why), Clean(next))}
}

// MachineName returns the name of a virtual machine in quotes.
func MachineName(vm probe.VM) string { return fmt.Sprintf("“%s”", Clean(vm.Name)) }

// PathList returns a line for each path. Each begins with a line break.
func PathList(paths []string) string {
	var b strings.Builder
	for _, p := range paths {
		fmt.Fprintf(&b, "\n  %s", Clean(p))
	}
	return b.String()
}

// MachineList returns a numbered line for each virtual machine, and says which are
// suspended. Each line begins with a line break.
func MachineList(machines []probe.VM) string {
	var b strings.Builder
	for i, vm := range machines {
		fmt.Fprintf(&b, "\n  %d  %s  %s", i+1, MachineName(vm), vm.UUID)
		if vm.State == probe.VMSuspended {
			b.WriteString("  (suspended)")
		}
	}
	return b.String()
}
