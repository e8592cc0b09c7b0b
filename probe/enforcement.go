package probe

// Enforcement holds the facts beside the policy rows that decide whether a
// kernel extension needs an approval, and who may give it.
type Enforcement struct {
	SIP     SIP
	Consent Consent
	Profile KextProfile
}

// SIP is System Integrity Protection, as csrutil reports it.
type SIP struct {
	State        SIPState
	KextSigning  Answer // No: the protection of kext signing is off
	KextApproval Answer // No: macOS loads kexts without approval (bit 0x200 of the configuration)
}

// SIPState is the state of System Integrity Protection as a whole.
type SIPState string

// The states of SIP; the zero value is not known.
const (
	SIPEnabled  SIPState = "enabled"
	SIPDisabled SIPState = "disabled"
	SIPCustom   SIPState = "custom"
)

// Consent is the output of `spctl kext-consent`. It can be changed only from
// Recovery.
type Consent struct {
	Enabled Answer   // No: macOS loads kexts without approval
	Teams   []string // team IDs that were allowed from Recovery
}

// KextProfile is the configuration profile payload
// com.apple.syspolicy.kernel-extension-policy.
type KextProfile struct {
	Present        Answer // may be not known: an ordinary user cannot see all profiles
	Name           string // of the profile; empty: not known
	UserOverrides  Answer // No: users may not approve. A payload without this key means No
	NonAdminsAllow Answer // from macOS 11. A payload without this key means No
	Teams          []string
	Kexts          []TeamKexts
}

// ForbidsUsers reports whether the profile does not let users approve.
func (p KextProfile) ForbidsUsers() bool { return p.Present == Yes && p.UserOverrides == No }

// TeamKexts are the extensions of one team that a profile allows.
type TeamKexts struct {
	TeamID    string // empty: unsigned
	BundleIDs []string
}
