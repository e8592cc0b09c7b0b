package approval

// Rule names a rule that decided something. Package agent/view has its text.
type Rule string

// The rules that Assess reports.
const (
	RuleLeftover     Rule = "leftover"       // a row without an extension on this Mac
	RuleByMDM        Rule = "allowed-by-mdm" // a configuration profile allows it
	RuleSeen         Rule = "seen"
	RuleLoadHistory  Rule = "load-history"
	RuleFuture       Rule = "future"      // a last_seen ahead of the clock is not evidence
	RuleAtBoot       Rule = "at-boot"     // a last_seen right after start-up is not an attempt
	RuleScan         Rule = "scan"        // a last_seen shared by several teams is not an attempt
	RuleBeforeBoot   Rule = "before-boot" // the attempt was made before this start-up
	RuleReopened     Rule = "reopened"
	RuleOldLoaded    Rule = "old-loaded" // the kernel has an older version than the disk
	RuleAllowedNow   Rule = "allowed-in-this-session"
	RuleAppleSilicon Rule = "apple-silicon"
	RuleAppStore     Rule = "app-store"
	RuleAttempted    Rule = "attempted" // an attempt proves that the extension is needed
	RuleNoApp        Rule = "no-app"
	RuleNoPolicy     Rule = "no-policy"

	RuleRecovery            Rule = "allowed-from-recovery" // spctl kext-consent names the team
	RuleNotEnforced         Rule = "not-enforced"          // consent or SIP's kext approval is off
	RuleManaged             Rule = "managed"               // a profile forbids users to approve
	RuleReported            Rule = "told"                  // the log or Parallels reported the attempt
	RuleBeforeLogin         Rule = "before-login"          // the attempt was made before this login
	RuleReplaced            Rule = "replaced"              // allowed, but not what was last seen loaded
	RuleUpgrade             Rule = "upgrade"               // macOS asks for another approval of a new binary
	RuleLoadFailing         Rule = "load-failing"          // allowed before this start, refused since
	RuleNeedsRestart        Rule = "needs-restart"         // macOS says that it is loaded at the next start
	RuleOldMacOS            Rule = "old-macos"             // up to 10.15 Parallels always needs them
	RuleOldParallels        Rule = "old-parallels"         // before 16 it always does
	RuleParallelsHypervisor Rule = "parallels-hypervisor"
	RuleKextNetworking      Rule = "kext-networking"
	RuleAppleHypervisor     Rule = "apple-hypervisor"
	RuleNeedUnknown         Rule = "need-unknown"
	RuleMadeForOlder        Rule = "made-for-older"
)

// Rules lists every rule, in the order of application.
var Rules = []Rule{
	RuleSeen, RuleLoadHistory, RuleReported, RuleFuture, RuleAtBoot, RuleScan, RuleBeforeBoot, RuleBeforeLogin, RuleReopened,
	RuleByMDM, RuleRecovery, RuleNotEnforced, RuleLeftover, RuleOldLoaded, RuleManaged,
	RuleReplaced, RuleUpgrade, RuleLoadFailing, RuleAllowedNow, RuleNeedsRestart, RuleNoPolicy,
	RuleAttempted, RuleNoApp, RuleAppleSilicon, RuleAppStore, RuleOldMacOS, RuleOldParallels,
	RuleKextNetworking, RuleParallelsHypervisor, RuleAppleHypervisor, RuleNeedUnknown, RuleMadeForOlder,
}

// Fired is a rule that applied, and the bundle ID or product it applied to.
type Fired struct {
	Rule    Rule
	Subject string
}
