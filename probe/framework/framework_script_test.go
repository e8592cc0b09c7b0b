//go:build desktop

package framework

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

// The script runs with node, on simulated objects: only a Mac has the real ones.
func TestFrameworkScript(t *testing.T) {
	const hypervisor, vnic = "com.parallels.kext.hypervisor", "com.parallels.kext.vnic"
	row := func(bundle string, change func(*probe.PolicyRow)) probe.PolicyRow {
		r := probe.PolicyRow{
			TeamID: "4C6364ACXT", BundleID: bundle, Developer: "Parallels International GmbH",
			App: "Parallels Desktop", AppPath: "/Applications/Parallels Desktop.app", Pending: probe.Yes,
		}
		if change != nil {
			change(&r)
		}
		return r
	}
	both := func(change func(*probe.PolicyRow)) []probe.PolicyRow {
		return []probe.PolicyRow{row(hypervisor, change), row(vnic, change)}
	}
	pending := func(answer probe.Answer) func(*probe.PolicyRow) {
		return func(r *probe.PolicyRow) { r.Pending = answer }
	}
	for name, tt := range map[string]struct {
		mac  string // JavaScript
		want []probe.PolicyRow
	}{
		"10.14, where a BOOL is a char": {"", both(nil)},
		"26, where it is not": {
			`mac.policy = {currentPolicy: array(object(item({isAllowed: box(true), isRebootRequired: box(true), isPendingUpgrade: box(true)}))), pendingApprovals: array()}`,
			both(func(r *probe.PolicyRow) {
				r.Allowed, r.Pending, r.PendingUpgrade, r.NeedsRestart = true, probe.No, probe.Yes, probe.Yes
			}),
		},
		"getters spelled like their properties": {
			`mac.policy.currentPolicy = array(object(without(item({allowed: box(1), rebootRequired: box(0), pendingUpgrade: box(0)}), "isAllowed")))
			delete mac.policy.currentPolicy.objectAtIndex(0).isRebootRequired; mac.policy.pendingApprovals = array()`,
			both(func(r *probe.PolicyRow) {
				r.Allowed, r.Pending, r.PendingUpgrade, r.NeedsRestart = true, probe.No, probe.No, probe.No
			}),
		},
		"no pendingApprovals":             {`delete mac.policy.pendingApprovals`, both(pending(""))},
		"pendingApprovals answer nothing": {`mac.policy.pendingApprovals = nil`, both(pending(""))},
		"nothing waits":                   {`mac.policy.pendingApprovals = array()`, both(pending(probe.No))},
		"no rows":                         {`mac.policy = {currentPolicy: array(), pendingApprovals: array()}`, nil},
		"an item without names": {
			`mac.policy.currentPolicy = array(object(item({developerName: nil, applicationName: null, applicationPath: undefined, teamID: nil, bundleIDs: array(box("a"))})), object(item({bundleIDs: array(box("a\u0000\u2028\"b"))})))
			mac.policy.pendingApprovals = array()`,
			[]probe.PolicyRow{{BundleID: "a", Pending: probe.No}, row("a\u0000\u2028\"b", pending(probe.No))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeFramework(runFrameworkScript(t, tt.mac))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, tt.want)
			}
		})
	}
}

func TestFrameworkScriptFails(t *testing.T) {
	for name, tt := range map[string]struct{ mac, reason string }{
		"no framework":          {`mac.framework = false`, "! there is no SystemPolicy.framework"},
		"it cannot be loaded":   {`mac.loads = false`, "! there is no SystemPolicy.framework"},
		"no class: undefined":   {`mac.policy = null`, "! SystemPolicy.framework has no SPKernelExtensionPolicy"},
		"no class: null":        {`mac.policy = null; mac.noClass = null`, "! SystemPolicy.framework has no SPKernelExtensionPolicy"},
		"no class: nil":         {`mac.policy = null; mac.noClass = nil`, "! SystemPolicy.framework has no SPKernelExtensionPolicy"},
		"no currentPolicy":      {`delete mac.policy.currentPolicy`, "! SPKernelExtensionPolicy has no currentPolicy"},
		"no teamID":             {`mac.policy.currentPolicy = array(object(without(item(), "teamID")))`, "! SPKernelExtensionPolicyItem has no teamID"},
		"no bundleIDs":          {`mac.policy.pendingApprovals = array(object(without(item(), "bundleIDs")))`, "! SPKernelExtensionPolicyItem has no bundleIDs"},
		"bundleIDs: nil":        {`mac.policy.pendingApprovals = array(object(item({bundleIDs: nil})))`, "an item without bundle IDs"},
		"no allowed":            {`mac.policy.currentPolicy = array(object(without(item(), "isAllowed")))`, "! SPKernelExtensionPolicyItem has no isAllowed"},
		"no object":             {`mac.policy = nil`, "SPKernelExtensionPolicy could not be made"},
		"no answer":             {`mac.policy.currentPolicy = nil`, "macOS did not say which kernel extensions are allowed"},
		"an exception":          {`mac.policy.currentPolicy = () => { throw new Error("connection interrupted") }`, "did not answer: connection interrupted"},
		"something else thrown": {`mac.policy.currentPolicy = () => { throw "interrupted" }`, "did not answer: interrupted"},
		"neither yes nor no":    {`mac.policy.currentPolicy = array(object(item({isAllowed: box("yes")})))`, `an item without "allowed"`},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := decodeFramework(runFrameworkScript(t, tt.mac))
			reason, gone := strings.CutPrefix(tt.reason, "! ")
			if rows != nil || err == nil || !strings.Contains(err.Error(), reason) || errors.Is(err, errFrameworkGone) != gone {
				t.Errorf("%+v, %v", rows, err)
			}
		})
	}
}

func runFrameworkScript(t *testing.T, mac string) []byte {
	t.Helper()
	return runScript(t, mac, frameworkScript)
}

// runScript runs a script as osascript does, on the simulated Mac of testdata/jxa.js,
// changed by the JavaScript in mac.
func runScript(t *testing.T, mac, script string) []byte {
	t.Helper()
	prelude, err := os.ReadFile("testdata/jxa.js")
	mactest.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "-")
	cmd.Stdin = strings.NewReader(string(prelude) + "\n" + mac + ";\n" + script + "\nconsole.log(run());\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return out
}
