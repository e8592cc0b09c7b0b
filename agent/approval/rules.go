package approval

// Rule names a rule that decided something; agent/view has the sentence.
type Rule string

// The rules that Assess reports.
const (
	RuleLeftover     Rule = "leftover"       // a row without an extension on this Mac
	RuleByMDM        Rule = "allowed-by-mdm" // a configuration profile allows it
	RuleSeen         Rule = "seen"
	RuleLoadHistory  Rule = "load-history"
	RuleFuture       Rule = "future"      // a last_seen ahead of the clock is no evidence
	RuleAtBoot       Rule = "at-boot"     // a last_seen right after start-up is no attempt
	RuleScan         Rule = "scan"        // a last_seen shared by several teams is no attempt
	RuleBeforeBoot   Rule = "before-boot" // the attempt was made before this start-up
	RuleReopened     Rule = "reopened"
	RuleOldLoaded    Rule = "old-loaded" // the kernel has an older version than the disk
	RuleAllowedNow   Rule = "allowed-in-this-session"
	RuleAppleSilicon Rule = "apple-silicon"
	RuleAppStore     Rule = "app-store"
	RuleAttempted    Rule = "attempted" // an attempt proves that the extension is needed
	RuleNoApp        Rule = "no-app"
	RuleNoPolicy     Rule = "no-policy"
)

// Rules lists every rule.
var Rules = []Rule{
	RuleLeftover, RuleByMDM, RuleSeen, RuleLoadHistory, RuleFuture, RuleAtBoot, RuleScan, RuleBeforeBoot,
	RuleReopened, RuleOldLoaded, RuleAllowedNow, RuleAppleSilicon, RuleAppStore, RuleAttempted, RuleNoApp, RuleNoPolicy,
}

// Fired is one rule and what it was about: a bundle ID or a product.
type Fired struct {
	Rule    Rule
	Subject string
}
