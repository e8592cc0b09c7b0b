package approval

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"kextwatch/probe"
)

// Each row of the table has the form of its fields, and is found by its own team and
// bundle IDs.
func TestKnownKexts(t *testing.T) {
	team := probe.Form{Expr: `^[0-9A-Z]{10}$`}
	before := ""
	for i := range knownKexts {
		k := &knownKexts[i]
		if k.Product == "" || strings.ToLower(k.Product) < before {
			t.Errorf("%q comes after %q, want an order by product", k.Product, before)
		}
		before = strings.ToLower(k.Product)
		if k.TeamID != "" && !team.MatchString(k.TeamID) {
			t.Errorf("%s: invalid team %q", k.Product, k.TeamID)
		}
		if k.TeamID == "" && len(k.BundleIDs) == 0 {
			t.Errorf("%s: nothing identifies it", k.Product)
		}
		for _, pattern := range k.BundleIDs {
			id := strings.Replace(pattern, "*", "x", 1)
			if !probe.IsBundleID(id) {
				t.Errorf("%s: invalid bundle ID %q", k.Product, pattern)
			}
			if got := knownKext(k.TeamID, id); got != k {
				t.Errorf("%s: team %q and %s find %+v", k.Product, k.TeamID, id, got)
			}
			if got := knownKext("ZZZZZZZZZZ", id); k.TeamID != "" && got != nil {
				t.Errorf("%s: %s of another team finds it", k.Product, id)
			}
		}
		for _, release := range []string{k.MinMacOS, k.MaxMacOS} {
			if release != "" && !macOSForm.MatchString(release) {
				t.Errorf("%s: invalid macOS %q", k.Product, release)
			}
		}
		if k.Arch != "" && k.Arch != probe.Intel && k.Arch != probe.AppleSilicon {
			t.Errorf("%s: unknown processor %q", k.Product, k.Arch)
		}
		if k.Confidence != Sure && k.Confidence != Likely && k.Confidence != Unsure {
			t.Errorf("%s: invalid confidence %q", k.Product, k.Confidence)
		}
		if k.Source == "" || strings.ContainsFunc(k.Source, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: invalid source %q", k.Product, k.Source)
		}
		if why := unclearSource(k.Source); why != "" {
			t.Errorf("%s: source %q %s", k.Product, k.Source, why)
		}
	}
}

// explain and upgrade-check show the source to users, so a reader must be able to find it.
func unclearSource(source string) string {
	for part := range strings.SplitSeq(source, "; ") {
		switch number := regexp.MustCompile(`(?:^|\s)\d+(?:$|[\s,])`); {
		case len(strings.Fields(number.ReplaceAllString(part, " "))) < 2:
			return "is only a name: say what it is"
		case number.MatchString(part) && !regexp.MustCompile(`(issue|issues|pull request|report) \d+( and \d+)?( on GitHub)?$`).MatchString(part):
			return "has a number: say what is numbered"
		case regexp.MustCompile(`issue|pull request|project`).MatchString(part) && !strings.HasSuffix(part, " on GitHub"):
			return "does not say where it is"
		}
	}
	return ""
}

func TestUnclearSources(t *testing.T) {
	for source, clear := range map[string]bool{
		"macfuse 1113": false, "macfuse 1108, 1158": false, "Installomator": false, "mondoo/mql 4371": false,
		"macFUSE issue 1113": false, "macFUSE number 1113 on GitHub": false, "the project Installomator": false,
		"macFUSE issue 1113 on GitHub": true, "macFUSE issues 779 and 828 on GitHub": true, "Open Radar report 39209026": true,
		"the installer package of version 17.0.488": true, "Homebrew cask displaylink": true, "Homebrew cask displaylink; macinbox": false,
	} {
		if why := unclearSource(source); (why == "") != clear {
			t.Errorf("%q: %q, want clear %v", source, why, clear)
		}
	}
}

// The table of team IDs in docs/settings.md has rows of the table here that are sure, and
// every team ID on the page is in it.
func TestTeamIDsInTheDocuments(t *testing.T) {
	page, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	before := ""
	for _, row := range regexp.MustCompile("(?m)^\\| ([^|`]+) \\| `([A-Z0-9]{10})` \\|$").FindAllStringSubmatch(string(page), -1) {
		product, team := row[1], row[2]
		parallels := product == "Parallels Desktop" && team == probe.ParallelsTeamID
		if !parallels && !slices.ContainsFunc(knownKexts, func(k KnownKexts) bool {
			return k.Product == product && k.TeamID == team && k.Confidence == Sure
		}) {
			t.Errorf("the page says that %s has team %s", product, team)
		}
		if strings.ToLower(product) <= before {
			t.Errorf("%s comes after %s", product, before)
		}
		listed[team], before = true, strings.ToLower(product)
	}
	if len(listed) < 10 {
		t.Errorf("only %d teams are listed", len(listed))
	}
	for _, team := range regexp.MustCompile(`\b[A-Z0-9]{10}\b`).FindAllString(string(page), -1) {
		if !listed[team] {
			t.Errorf("the page names team %s, which its table does not have", team)
		}
	}
}

// A file name is no identity, and a row that does not allow an extension shows that it is
// not Apple's own.
func TestWhatAppleShips(t *testing.T) {
	blocked, allowed := &probe.PolicyRow{}, &probe.PolicyRow{Allowed: true}
	for _, tt := range []struct {
		team, id, name string
		row            *probe.PolicyRow
		want           bool
	}{
		{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointRR", "HighPointRR", nil, true},
		{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointRR", "HighPointRR", allowed, true},
		{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointRR", "HighPointRR", blocked, false},
		{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointIOP", "HighPointIOP", nil, true},
		{"DX6G69M9N2", "com.highpoint-tech.kext.HighPointIOP", "HighPointRR", nil, false},
		{"ZZZZZZZZZZ", "com.highpoint-tech.kext.HighPointRR", "HighPointRR", nil, false},
		{"DX6G69M9N2", "com.example.other", "HighPointRR", nil, false},
		{"TEAMRAID01", "com.softraid.driver.SoftRAID", "SoftRAID", nil, true},
		{"TEAMRAID01", "com.softraid.driver.SoftRAID", "SoftRAID", blocked, false},
		{"TEAMARECA1", "com.areca.ArcMSR", "ArcMSR", nil, false},
		{"", "com.apple.driver.x", "x", nil, true},
	} {
		f := &kextFacts{teamID: tt.team, bundleID: tt.id, row: tt.row, disk: []probe.Kext{{Path: "/Library/Extensions/" + tt.name + ".kext"}}}
		if got := f.fromApple(); got != tt.want {
			t.Errorf("%s of team %q, row %+v: part of macOS %v, want %v", tt.id, tt.team, tt.row, got, tt.want)
		}
	}
}

// One row of the pane is one bundle, or one folder in Application Support.
func TestPlaces(t *testing.T) {
	for name, want := range map[string]string{
		"/Applications/Parallels Desktop.app/Contents/Library/Extensions/10.9/prl_vnic.kext": "/Applications/Parallels Desktop.app",
		"/Library/Filesystems/macfuse.fs/Contents/Extensions/12/macfuse.kext":                "/Library/Filesystems/macfuse.fs",
		"/Library/Application Support/VirtualBox/VBoxDrv.kext":                               "/Library/Application Support/VirtualBox",
		"/Library/Extensions/ufsd_NTFS.kext":                                                 "/Library/Extensions",
		"x.kext":                                                                             "x.kext",
	} {
		if got := place(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// An extension with an unknown bundle ID is of the team's product, if the table has only one
// of that team.
func TestTheOnlyProductOfATeam(t *testing.T) {
	products := map[string][]string{}
	for _, k := range knownKexts {
		if k.TeamID != "" && !slices.Contains(products[k.TeamID], k.Product) {
			products[k.TeamID] = append(products[k.TeamID], k.Product)
		}
	}
	one, several := 0, 0
	for team, names := range products {
		switch got := knownKext(team, "zz.never.heard.of"); {
		case len(names) > 1:
			several++
			if got != nil {
				t.Errorf("%s has %q, and one was chosen: %s", team, names, got.Product)
			}
		default:
			one++
			if got == nil || got.Product != names[0] {
				t.Errorf("%s has only %s, got %+v", team, names[0], got)
			}
		}
	}
	if one == 0 || several == 0 {
		t.Errorf("the table has %d teams with one product and %d with several, want both", one, several)
	}
}
