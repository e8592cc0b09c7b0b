package approval

// Rule names a rule that decided something. Package agent/view has its text.
type Rule string

// The rules that Assess reports.
const (
	RuleLeftover     Rule = "leftover"       // a row without an extension on this Mac
	RuleOtherMacOS   Rule = "other-macos"    // it is for another macOS; one for this macOS is there, too
	RuleOldBlock     Rule = "old-block"      // blocked long ago, beside one that is allowed
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
	RuleAppUnknown   Rule = "app-unknown"
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

	RuleOverruled     Rule = "switch-overruled"  // it should turn the approval off, but macOS refused
	RuleFailure       Rule = "refused-otherwise" // refused for a reason that no approval changes
	RuleNotCollected  Rule = "not-in-collection" // allowed, and not in the auxiliary kernel collection
	RuleAttemptFailed Rule = "attempt-failed"    // allowed, tried, and not loaded since
	RuleRunsWithout   Rule = "runs-without"      // what needs it runs, and it is not loaded
	RuleUncertain     Rule = "not-seen-loaded"   // allowed, and nothing shows that it would be loaded
	RuleLost          Rule = "approval-lost"     // it was allowed, and macOS does not list that any more
	RuleRecorded      Rule = "no-decision"       // it was loaded, or something tried to, and macOS has no row for it

	RuleUnsigned     Rule = "unsigned"      // it has no team, so macOS shows no Allow button for it
	RuleBootPolicy   Rule = "boot-policy"   // the boot policy of Apple silicon lets no user approve
	RuleBootManaged  Rule = "boot-managed"  // the boot policy of Apple silicon lets only MDM approve
	RuleExternalDisk Rule = "external-disk" // macOS was started from an external disk, and refused
	RuleVirtualMac   Rule = "virtual-mac"   // macOS runs in a virtual machine, and refused
	RuleNoCode       Rule = "no-code"       // it has no code for the processor of this Mac
	RuleNoFireWire   Rule = "no-firewire"   // it needs FireWire, which this macOS does not have
)

// Rules lists every rule, in the order of application.
var Rules = []Rule{
	RuleSeen, RuleLoadHistory, RuleReported, RuleFuture, RuleAtBoot, RuleScan, RuleBeforeBoot, RuleBeforeLogin, RuleReopened,
	RuleByMDM, RuleRecovery, RuleNotEnforced, RuleOverruled, RuleLost, RuleRecorded, RuleLeftover, RuleOtherMacOS, RuleOldBlock, RuleOldLoaded, RuleManaged,
	RuleUnsigned, RuleBootPolicy, RuleBootManaged, RuleExternalDisk, RuleVirtualMac, RuleNoCode, RuleNoFireWire,
	RuleFailure, RuleReplaced, RuleUpgrade, RuleAllowedNow, RuleLoadFailing, RuleNeedsRestart, RuleNotCollected, RuleAttemptFailed,
	RuleRunsWithout, RuleUncertain, RuleNoPolicy,
	RuleAttempted, RuleNoApp, RuleAppUnknown, RuleAppleSilicon, RuleAppStore, RuleOldMacOS, RuleOldParallels,
	RuleKextNetworking, RuleParallelsHypervisor, RuleAppleHypervisor, RuleNeedUnknown, RuleMadeForOlder,
}

// Proofs are the rules that prove that an approved extension does not load.
var Proofs = []Rule{RuleFailure, RuleUnsigned, RuleNoCode, RuleNoFireWire, RuleExternalDisk, RuleVirtualMac, RuleLoadFailing, RuleNeedsRestart, RuleNotCollected, RuleAttemptFailed, RuleRunsWithout}

// Fired is a rule that applied, and the bundle ID or product it applied to.
type Fired struct {
	Rule    Rule
	Subject string
}
