package fleet

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"howett.net/plist"
)

// ProfileKind is one kind of configuration profile. Each has one payload. Apple documents
// the payloads and their keys in github.com/apple/device-management, mdm/profiles.
type ProfileKind struct {
	Name        string // on the command line, and the end of the identifier
	Title       string // the name that macOS shows
	Meaning     string // what the profile does, for the help and for macOS
	PayloadType string
	Since       string // the first macOS that knows the payload type; empty: every macOS that kextwatch runs on
	MDMOnly     bool   // only an MDM that a user approved can install it; otherwise a person can, too
	Needs       string // what the caller must give; empty: nothing
	build       func(ProfileInput) (payload, error)
}

// ProfileKinds are all kinds, in the order in which they are shown.
var ProfileKinds = []ProfileKind{
	{"kext-approval", "kernel extensions", "allow the kernel extensions of Parallels, or of other developers, before macOS blocks them",
		"com.apple.syspolicy.kernel-extension-policy", "10.13.2", true, "", ProfileInput.kextApproval},
	{"settings", "settings", "set the settings of kextwatch, so that users cannot change them",
		"com.apple.ManagedClient.preferences", "", false, "--set, --from or --all", ProfileInput.settings},
	{"notifications", "notifications", "allow the notifications of kextwatch, and keep each on the screen until somebody closes it",
		"com.apple.notificationsettings", "10.15", false, "", ProfileInput.notifications},
	{"background-items", "background items", "let the agent and the root reader of kextwatch run in the background",
		"com.apple.servicemanagement", "13", true, "", ProfileInput.backgroundItems},
	{"full-disk-access", "Full Disk Access of the reader", "give the root reader of kextwatch Full Disk Access, and nothing else",
		"com.apple.TCC.configuration-profile-policy", "10.14", true, "--code-requirement", ProfileInput.fullDiskAccess},
}

// ProfileInput is what an administrator chose. Each kind uses its own fields.
type ProfileInput struct {
	Organization string // may be empty
	Identifier   string // the start of all identifiers; empty: DefaultIdentifier

	// kext-approval
	Vendors           []Vendor
	PerBundle         bool // allow only the known extensions of each vendor
	NoUserOverrides   bool // users can approve nothing else
	NonAdminApprovals bool // from macOS 11: users who are not administrators can approve others

	Settings map[string]any // settings: values of a property list by key

	TeamID string // background-items: the team that signed kextwatch; empty: any

	// full-disk-access
	CodeRequirement string // of the installed reader, in the words of codesign
	AllowCDHash     bool   // accept a requirement that only one build meets
}

// DefaultIdentifier is the start of the identifiers if the administrator names none.
const DefaultIdentifier = "io.kextwatch"

// payload is the part of a profile that differs by kind.
type payload struct {
	about string // the description that macOS shows; empty: the meaning of the kind
	keys  map[string]any
	hints []string // what the administrator has to know, each one sentence
}

// Profile is a finished configuration profile.
type Profile struct {
	Kind       ProfileKind
	Identifier string   // stays the same for the same kind and prefix, so that a new version replaces the old one
	UUID       string   // differs if the content differs
	Hints      []string // what the administrator has to know; not part of Data
	Data       []byte   // the .mobileconfig: an XML property list
}

// InputError says what is wrong with a ProfileInput, and what to do next.
type InputError struct{ Why, Next string }

func (e *InputError) Error() string { return e.Why }

// Hint returns the next step.
func (e *InputError) Hint() string { return e.Next }

func refuse(next, format string, args ...any) error {
	return &InputError{fmt.Sprintf(format, args...), next}
}

// uuidSpace is the name space of all UUIDs of our profiles: version 5 of the DNS name space
// and kextwatch.io, the domain behind all our identifiers.
func uuidSpace() uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceDNS, []byte("kextwatch.io")) }

// nameUUID returns the version 5 UUID of a name, in the capitals of uuidgen.
func nameUUID(name string) string {
	return strings.ToUpper(uuid.NewSHA1(uuidSpace(), []byte(name)).String())
}

// Profile makes a profile of this kind. The same input gives the same bytes. The error is
// an *InputError.
//
// The UUID of the profile depends on its content. The UUID of the payload in it depends
// only on its identifier: macOS then updates the payload in place when a new version of the
// profile replaces the old one (CommonPayloadKeys.yaml), and nothing is without approval in
// between.
func (k ProfileKind) Profile(in ProfileInput) (Profile, error) {
	p := Profile{Kind: k}
	prefix := cmp.Or(in.Identifier, DefaultIdentifier)
	if err := checkIdentifier(prefix); err != nil {
		return p, err
	}
	if err := checkOrganization(in.Organization); err != nil {
		return p, err
	}
	payload, err := k.build(in)
	if err != nil {
		return p, err
	}
	p.Identifier = prefix + ".profile." + k.Name
	inner := map[string]any{
		"PayloadType":        k.PayloadType,
		"PayloadVersion":     1,
		"PayloadIdentifier":  p.Identifier + ".payload",
		"PayloadUUID":        nameUUID(p.Identifier + ".payload"),
		"PayloadDisplayName": "kextwatch: " + k.Title,
	}
	for key, value := range payload.keys {
		inner[key] = value
	}
	outer := map[string]any{
		"PayloadType":        "Configuration",
		"PayloadVersion":     1,
		"PayloadIdentifier":  p.Identifier,
		"PayloadDisplayName": "kextwatch: " + k.Title,
		"PayloadDescription": cmp.Or(payload.about, strings.ToUpper(k.Meaning[:1])+k.Meaning[1:]+"."),
		"PayloadScope":       "System",
		"PayloadContent":     []any{inner},
	}
	if in.Organization != "" {
		outer["PayloadOrganization"] = in.Organization
	}
	if err := checkTexts(outer); err != nil {
		return p, err
	}
	p.UUID = nameUUID(string(encode(outer)))
	outer["PayloadUUID"] = p.UUID
	p.Data = encode(outer)
	p.Hints = append(k.hints(), payload.hints...)
	return p, nil
}

// hints returns what holds for every profile of this kind.
func (k ProfileKind) hints() []string {
	deliver := "deliver it with your device management service (MDM), or open it on one Mac to try it"
	if k.MDMOnly {
		deliver = "deliver it with a device management service (MDM) that was approved on the Mac: macOS does not let a person install it"
	}
	if k.Since != "" {
		deliver += "; it is for macOS " + k.Since + " and later"
	}
	return []string{deliver}
}

// encode returns a property list. Its keys are sorted.
func encode(profile map[string]any) []byte {
	data, err := plist.MarshalIndent(profile, plist.XMLFormat, "\t")
	if err != nil {
		panic(err) // the values are texts, numbers, booleans, lists and dictionaries: see checkTexts
	}
	return append(data, '\n')
}
