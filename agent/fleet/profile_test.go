package fleet

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/root"
)

var (
	parallels = Vendor{Name: "Parallels Desktop", TeamID: probe.ParallelsTeamID, BundleIDs: []string{
		"com.parallels.kext.vnic", "com.parallels.kext.hypervisor", "com.parallels.kext.netbridge", "com.parallels.kext.usbconnect",
	}}
	macFUSE = Vendor{Name: "macFUSE", TeamID: "3T5GSNBU6W", BundleIDs: []string{"io.macfuse.filesystems.macfuse", "io.macfuse.filesystems.macfuse.25"}}
)

const requirement = `identifier "io.kextwatch.reader" and anchor apple generic and certificate leaf[subject.OU] = "4C6364ACXT"`

// profiles are examples of every kind, by the name of the file with the expected content.
var profiles = map[string]struct {
	kind  string
	input ProfileInput
}{
	"kext-approval":            {"kext-approval", ProfileInput{Vendors: []Vendor{parallels}}},
	"kext-approval-per-bundle": {"kext-approval", ProfileInput{Vendors: []Vendor{parallels, macFUSE}, PerBundle: true, NoUserOverrides: true}},
	"settings": {"settings", ProfileInput{Organization: "Süd & Nord", Identifier: "org.university.kextwatch", Settings: map[string]any{
		"Reminders": []int{20, 10, 2}, "WatchVendors": "all", "ShowTimeInMenuBar": false, "SnoozeMinutes": 5,
		"IgnoreVendors": []string{}, "RunOnChange": "/Library/Scripts/a&b <c.sh",
	}}},
	"notifications":          {"notifications", ProfileInput{}},
	"background-items":       {"background-items", ProfileInput{}},
	"background-items-team":  {"background-items", ProfileInput{TeamID: probe.ParallelsTeamID}},
	"full-disk-access":       {"full-disk-access", ProfileInput{CodeRequirement: "# designated => " + requirement}},
	"full-disk-access-build": {"full-disk-access", ProfileInput{CodeRequirement: `cdhash H"4b9b51a4d2bd7e6ac8b2b8e19e0a0ddd9b3a8c3e"`, AllowCDHash: true}},
}

func kindNamed(t *testing.T, name string) ProfileKind {
	t.Helper()
	at := slices.IndexFunc(ProfileKinds, func(k ProfileKind) bool { return k.Name == name })
	if at < 0 {
		t.Fatalf("no kind %s", name)
	}
	return ProfileKinds[at]
}

func made(t *testing.T, kind string, in ProfileInput) Profile {
	t.Helper()
	p, err := kindNamed(t, kind).Profile(in)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return p
}

// read returns a profile as the project's own reader sees it.
func read(t *testing.T, data []byte) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := root.DecodePlist(data, &values); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return values
}

// The files are the expected ones. Each kind has an example.
func TestProfiles(t *testing.T) {
	missing := map[string]bool{}
	for _, k := range ProfileKinds {
		missing[k.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		p := made(t, profiles[name].kind, profiles[name].input)
		delete(missing, profiles[name].kind)
		got := bytes.Join([][]byte{p.Data, []byte("\nHints:\n- " + strings.Join(p.Hints, "\n- ") + "\n")}, nil)
		file := filepath.Join("testdata", "profiles", name+".txt")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s; go test ./agent/fleet -update rewrites it:\n%s", name, file, got)
		}
	}
	if len(missing) > 0 {
		t.Errorf("kinds without an example: %v", missing)
	}
}

// An MDM replaces a profile that has the same identifier. The same input must not look
// like a change, and a change must not look like the same profile.
func TestProfileIdentity(t *testing.T) {
	first := made(t, "kext-approval", ProfileInput{Vendors: []Vendor{parallels, macFUSE}})
	payload := read(t, first.Data)["PayloadContent"].([]any)[0].(map[string]any)["PayloadUUID"]
	seen := map[string]string{first.UUID: "first"}
	for name, in := range map[string]ProfileInput{
		"more":         {Vendors: []Vendor{parallels, macFUSE, {TeamID: "VB5E2TV963"}}},
		"overrides":    {Vendors: []Vendor{parallels, macFUSE}, NoUserOverrides: true},
		"non-admins":   {Vendors: []Vendor{parallels, macFUSE}, NonAdminApprovals: true},
		"per bundle":   {Vendors: []Vendor{parallels, macFUSE}, PerBundle: true},
		"organization": {Vendors: []Vendor{parallels, macFUSE}, Organization: "University IT"},
	} {
		p := made(t, "kext-approval", in)
		if p.Identifier != first.Identifier {
			t.Errorf("%s: the identifier %s differs from %s", name, p.Identifier, first.Identifier)
		}
		if other, ok := seen[p.UUID]; ok {
			t.Errorf("%s has the UUID of %s", name, other)
		}
		seen[p.UUID] = name
		if inner := read(t, p.Data)["PayloadContent"].([]any)[0].(map[string]any)["PayloadUUID"]; inner != payload {
			t.Errorf("%s: the payload has the UUID %s, want %s, so that macOS updates it in place", name, inner, payload)
		}
	}
	again := made(t, "kext-approval", ProfileInput{Vendors: []Vendor{macFUSE, parallels, macFUSE}})
	if !bytes.Equal(again.Data, first.Data) {
		t.Errorf("the order of the developers changed the file:\n%s", again.Data)
	}
	other := made(t, "kext-approval", ProfileInput{Vendors: []Vendor{parallels, macFUSE}, Identifier: "org.university"})
	inner := read(t, other.Data)["PayloadContent"].([]any)[0].(map[string]any)
	if other.Identifier != "org.university.profile.kext-approval" || inner["PayloadUUID"] == payload || other.UUID == first.UUID {
		t.Errorf("another prefix: %s, %s, payload %s", other.Identifier, other.UUID, inner["PayloadUUID"])
	}
}

// The name space is fixed: otherwise every profile would change with a new version of kextwatch.
func TestProfileUUIDs(t *testing.T) {
	if got := uuidSpace().String(); got != "8608e2ff-cf37-5626-a54c-db343ba9a4fb" {
		t.Errorf("the name space is %s", got)
	}
	for name, c := range profiles {
		p := made(t, c.kind, c.input)
		inner := read(t, p.Data)["PayloadContent"].([]any)[0].(map[string]any)["PayloadUUID"].(string)
		for _, text := range []string{p.UUID, inner} {
			id, err := uuid.Parse(text)
			if err != nil || id.Version() != 5 || id.Variant() != uuid.RFC4122 || text != strings.ToUpper(text) {
				t.Errorf("%s: %s is no UUID of version 5 in capitals (%v)", name, text, err)
			}
		}
	}
}

// What is not certain is said, with the way to find out.
func TestDoubtfulVendors(t *testing.T) {
	box := Vendor{Name: "Box", TeamID: "M683GB7CPW", Doubt: "the team ID of Box is only likely"}
	p := made(t, "kext-approval", ProfileInput{Vendors: []Vendor{parallels, box}})
	const want = "the team ID of Box is only likely: compare it with codesign -dv on a Mac that has the extension"
	if last := p.Hints[len(p.Hints)-1]; last != want {
		t.Errorf("the last hint is %q, want %q", last, want)
	}
}

// What would install without an error and have no effect, or the wrong one, is refused with
// the way out.
func TestRefusedProfiles(t *testing.T) {
	vendors := func(teams ...string) ProfileInput {
		var in ProfileInput
		for _, team := range teams {
			in.Vendors = append(in.Vendors, Vendor{TeamID: team})
		}
		return in
	}
	perBundle := func(v Vendor) ProfileInput { return ProfileInput{Vendors: []Vendor{v}, PerBundle: true} }
	code := func(text string) ProfileInput { return ProfileInput{CodeRequirement: text} }
	for _, tt := range []struct {
		kind string
		in   ProfileInput
		want string
	}{
		{"kext-approval", ProfileInput{}, "no developer is named"},
		{"kext-approval", vendors("TEAMID"), "placeholder"},
		{"kext-approval", vendors("TEAMID1234"), "placeholder"},
		{"kext-approval", vendors("XXXXXXXXXX"), "placeholder"},
		{"kext-approval", vendors("0000000000"), "placeholder"},
		{"kext-approval", vendors("ABCDE12345"), "placeholder"},
		{"kext-approval", vendors("<TEAM>"), "placeholder"},
		{"kext-approval", vendors("4c6364acxt"), "invalid team ID"},
		{"kext-approval", vendors(probe.ParallelsTeamID, ""), "invalid team ID"},
		{"kext-approval", perBundle(Vendor{Name: "Box", TeamID: "M683GB7CPW"}), "kextwatch knows no bundle ID of Box"},
		{"kext-approval", perBundle(Vendor{TeamID: "M683GB7CPW"}), "kextwatch knows no bundle ID of team M683GB7CPW"},
		{"kext-approval", perBundle(Vendor{Name: "Focusrite", TeamID: "7VYBQV3T2Q", BundleIDs: []string{"com.focusrite.driver.*"}}), "only as the pattern com.focusrite.driver.*"},
		{"kext-approval", perBundle(Vendor{Name: "Spaces", TeamID: "7VYBQV3T2Q", BundleIDs: []string{"a b"}}), "invalid bundle ID"},
		{"kext-approval", ProfileInput{Vendors: []Vendor{parallels}, NoUserOverrides: true, NonAdminApprovals: true}, "lets nobody approve"},
		{"settings", ProfileInput{}, "no setting is named"},
		{"settings", ProfileInput{Settings: map[string]any{"RunOnChange": "/path/to/script"}}, `"/path/to/script" is a placeholder`},
		{"settings", ProfileInput{Settings: map[string]any{"IgnoreVendors": []string{"XXXXXXXXXX"}}}, "placeholder"},
		{"settings", ProfileInput{Settings: map[string]any{"ContactURL": "https://example.com/help"}}, "placeholder"},
		{"settings", ProfileInput{Settings: map[string]any{"ContactText": "a\x00b"}}, "cannot have the text"},
		{"settings", ProfileInput{Settings: map[string]any{"ContactText": 1.5}}, "the type float64"},
		{"notifications", ProfileInput{Identifier: "com.example"}, "placeholder"},
		{"notifications", ProfileInput{Identifier: "com.yourcompany"}, "placeholder"},
		{"notifications", ProfileInput{Identifier: "kextwatch"}, "invalid identifier"},
		{"notifications", ProfileInput{Identifier: "a..b"}, "invalid identifier"},
		{"notifications", ProfileInput{Identifier: "org.university "}, "invalid identifier"},
		{"notifications", ProfileInput{Identifier: "org." + strings.Repeat("x.", 100) + "y"}, "invalid identifier"},
		{"notifications", ProfileInput{Organization: "Your Company"}, "placeholder"},
		{"notifications", ProfileInput{Organization: "Example Inc."}, "placeholder"},
		{"notifications", ProfileInput{Organization: "<Organization>"}, "placeholder"},
		{"notifications", ProfileInput{Organization: "two\nlines"}, "invalid name of an organization"},
		{"notifications", ProfileInput{Organization: strings.Repeat("ü", 101)}, "invalid name of an organization"},
		{"background-items", ProfileInput{TeamID: "XXXXXXXXXX"}, "placeholder"},
		{"background-items", ProfileInput{TeamID: "Parallels"}, "invalid team ID"},
		{"full-disk-access", code(""), "the code requirement is empty"},
		{"full-disk-access", code("designated => "), "the code requirement is empty"},
		{"full-disk-access", code("<requirement>"), "placeholder"},
		{"full-disk-access", code("..."), "placeholder"},
		{"full-disk-access", code(`identifier "com.example.reader" and anchor apple generic`), "placeholder"},
		{"full-disk-access", code(`anchor apple generic and certificate leaf[subject.OU] = TEAMID`), "placeholder"},
		{"full-disk-access", code(`# designated => cdhash H"4b9b51a4d2bd7e6ac8b2b8e19e0a0ddd9b3a8c3e"`), "names one build (cdhash)"},
		{"full-disk-access", code(`identifier "io.kextwatch.reader"`), "does not say who signed the reader"},
		{"full-disk-access", code(`identifier "io.anchor certificate.reader"`), "does not say who signed the reader"},
		{"full-disk-access", code("certificate leaf[subject.OU] =\nX"), "cannot have the text"},
		{"full-disk-access", code("anchor apple generic"), "does not say who signed the reader"}, // true for every developer
		{"full-disk-access", code(`identifier "r" and certificate leaf[subject.OU] = "ABCDE12345"`), "placeholder"},
		{"settings", ProfileInput{Settings: map[string]any{"WatchVendors": []string{"ABCDE12345"}}}, "placeholder"},
		{"settings", ProfileInput{Settings: map[string]any{"OrganizationName": "Your Company"}}, "placeholder"},
	} {
		_, err := kindNamed(t, tt.kind).Profile(tt.in)
		refused, is := errors.AsType[*InputError](err)
		if !is || !strings.Contains(err.Error(), tt.want) || refused.Hint() == "" {
			t.Errorf("%s, %+v: %v, want %q and what to do", tt.kind, tt.in, err, tt.want)
		}
	}
}

// An administrator copies the requirement from a terminal, with more or less around it.
func TestRequirementAsCodesignPrintsIt(t *testing.T) {
	for _, text := range []string{
		requirement, "designated => " + requirement, "# designated => " + requirement, " " + requirement + "\n",
		"Executable=" + probe.ReaderProgram + "\ndesignated => " + requirement + "\n",
	} {
		got, err := ProfileInput{CodeRequirement: text}.requirement()
		if err != nil || got != requirement {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// Words of a help desk and the names of real organizations are no placeholders.
func TestNoPlaceholders(t *testing.T) {
	for _, text := range []string{
		"Call your IT help desk, for example by phone: 555 0100", "Tell us your team and your Mac", "https://it.university.edu/help", "Max-Planck-Institut", "/Library/Scripts/change.sh",
		"Organization for Standardization", "/Library/Application Support/kextwatch/compat.json", "XXL Sport", "…and more", "4C6364ACXT",
	} {
		if placeholderForm.MatchString(text) || checkOrganization(text) != nil {
			t.Errorf("%q is taken for a placeholder", text)
		}
	}
	if err := checkIdentifier(DefaultIdentifier); err != nil {
		t.Error(err)
	}
}

// Whatever text an administrator gives, the profile is refused, or says exactly that.
func FuzzProfile(f *testing.F) {
	f.Add("# designated => " + requirement)
	hostile.FuzzReaders(f, len(ProfileKinds), func(t *testing.T, given string) {
		for _, kind := range ProfileKinds {
			for _, in := range []ProfileInput{
				{Organization: given, Vendors: []Vendor{parallels}, Settings: map[string]any{"SnoozeMinutes": 5}, CodeRequirement: requirement},
				{Identifier: given, Vendors: []Vendor{{TeamID: given}}, Settings: map[string]any{"ContactText": given}, TeamID: given, CodeRequirement: given},
			} {
				p, err := kind.Profile(in)
				if refused, is := errors.AsType[*InputError](err); err != nil && (!is || refused.Next == "" || len(refused.Why) > 2000) {
					t.Errorf("%s: %v is no short InputError with a next step", kind.Name, err)
				}
				if err != nil {
					continue
				}
				values := read(t, p.Data)
				if got, ok := values["PayloadOrganization"]; ok && got != in.Organization {
					t.Errorf("%s: the organization is %q, want %q", kind.Name, got, in.Organization)
				}
				if in.Identifier != "" && values["PayloadIdentifier"] != in.Identifier+".profile."+kind.Name {
					t.Errorf("%s: the identifier is %q", kind.Name, values["PayloadIdentifier"])
				}
			}
		}
	})
}
