//go:build desktop

package framework

import (
	"strings"
	"testing"
)

// The script runs with node, on simulated objects: only a Mac has the real ones.
func TestGettersScript(t *testing.T) {
	const all = `requiresSecurityDowngrade: missing
requiresRebootForInstallation: missing
requiresAuthenticationOnUpdates: missing
requiresAdministratorToApproveUpdates: missing
currentPolicy: there
pendingApprovals: there
currentUAKL: missing`
	for name, tt := range map[string]struct{ mac, want string }{
		"10.14": {"", all},
		"15.4": {
			`Object.assign(mac.policy, {requiresSecurityDowngrade: box(true), requiresRebootForInstallation: box(0), requiresAuthenticationOnUpdates: box("x"),
			requiresAdministratorToApproveUpdates: nil, currentUAKL: () => { throw new Error("it must not be called") }})`,
			strings.NewReplacer("Downgrade: missing", "Downgrade: yes", "Installation: missing", "Installation: no",
				"OnUpdates: missing", "OnUpdates: neither yes nor no", "ApproveUpdates: missing", "ApproveUpdates: neither yes nor no", "UAKL: missing", "UAKL: there").Replace(all),
		},
		"an exception":         {`mac.policy.requiresSecurityDowngrade = () => { throw new Error("interrupted") }`, strings.Replace(all, "missing", "failed: interrupted", 1)},
		"no framework":         {`mac.framework = false`, "there is no SystemPolicy.framework"},
		"no class":             {`mac.policy = null`, "SystemPolicy.framework has no SPKernelExtensionPolicy"},
		"no object":            {`mac.policy = nil`, "SPKernelExtensionPolicy could not be made"},
		"it cannot be touched": {`$.NSClassFromString = () => { throw "no" }`, "failed: no"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.TrimSpace(string(runScript(t, tt.mac, gettersScript))); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
