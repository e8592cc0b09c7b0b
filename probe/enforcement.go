package probe

// Enforcement is what besides the policy rows decides whether a kernel
// extension needs an approval, and who may give it.
type Enforcement struct {
	SIP     SIP
	Consent Consent
	Profile KextProfile
}

// SIP is System Integrity Protection, as csrutil tells it.
type SIP struct {
	State        SIPState
	KextSigning  Answer // No: that part of it is switched off
	KextApproval Answer // No: macOS asks nobody (bit 0x200 of the configuration)
}

// SIPState is what csrutil says in one word.
type SIPState string

// The states of SIP; the zero value is not known.
const (
	SIPEnabled  SIPState = "enabled"
	SIPDisabled SIPState = "disabled"
	SIPCustom   SIPState = "custom"
)

// Consent is what `spctl kext-consent` says; it is changed from Recovery only.
type Consent struct {
	Enabled Answer   // No: nobody is asked
	Teams   []string // allowed from Recovery
}

// KextProfile is the configuration profile payload
// com.apple.syspolicy.kernel-extension-policy.
type KextProfile struct {
	Present        Answer // Yes, No, or not known: an ordinary user cannot see all profiles
	Name           string // of the profile, where it is told
	UserOverrides  Answer // No: users may not approve. Absent in a payload means No
	NonAdminsAllow Answer // from macOS 11 on; absent in a payload means No
	Teams          []string
	Kexts          []TeamKexts
}

// TeamKexts are the extensions of one team that a profile allows.
type TeamKexts struct {
	TeamID    string // empty: unsigned
	BundleIDs []string
}
