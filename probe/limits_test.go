package probe

import (
	"strings"
	"testing"
)

func TestIsBundleID(t *testing.T) {
	for text, want := range map[string]bool{
		"com.parallels.kext.hypervisor": true, "A_b-1.+": true, strings.Repeat("a", 255): true,
		"": false, strings.Repeat("a", 256): false, "a b": false, "a/b": false, "a\n": false, "\x00a": false, "ä": false, "a\xff": false,
	} {
		if got := IsBundleID(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestIsTeamID(t *testing.T) {
	for text, want := range map[string]bool{
		ParallelsTeamID: true, "0123456789": true, "ABCDEFGHIJ": true,
		"": false, "4C6364ACX": false, "4C6364ACXTX": false, "4c6364acxt": false, "4C6364ACX ": false, "4C6364ACX\n": false, "4C63.4ACXT": false, "4C6364ACÄ": false,
	} {
		if got := IsTeamID(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// An ID that cannot be shown is escaped: what macOS blocks must be visible, and two IDs
// stay two.
func TestKextID(t *testing.T) {
	long := strings.Repeat("é", 200)
	for text, want := range map[string]string{
		"com.parallels.kext.hypervisor": "com.parallels.kext.hypervisor", "com.Logitech.Control Center.HID Driver": "com.Logitech.Control Center.HID Driver",
		"": "", TooLong: TooLong,
		"a\x1b[31mb": `a\{1b}[31mb`, "a\n": `a\{a}`, " a ": `\{20}a\{20}`, "a/b": `a\{2f}b`, "a\u202eb": `a\{202e}b`, "a\u00a0b": `a\{a0}b`,
		`a\{1b}b`: `a\\{1b}b`, "a\xffb": "a\uFFFDb", "\x00": `\{0}`,
	} {
		if got := KextID(text); got != want || text != "" && text != TooLong && !IsKextID(got) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if a, b := KextID(long+"a"), KextID(long+"b"); !IsKextID(a) || !IsKextID(b) || a == b || !strings.HasPrefix(a, "ééé") {
		t.Errorf("%q and %q, want two short IDs", a, b)
	}
}

func FuzzKextID(f *testing.F) {
	f.Add("a\n", `a\{a}`)
	f.Add(" a", "a ")
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, ""), strings.ToValidUTF8(b, "")
		x, y := KextID(a), KextID(b)
		if (x == y) != (a == b) {
			t.Errorf("%q and %q become %q and %q", a, b, x, y)
		}
		if a != "" && a != TooLong && !IsKextID(x) {
			t.Errorf("%q becomes %q", a, x)
		}
	})
}

func TestIsKextID(t *testing.T) {
	for text, want := range map[string]bool{
		"com.parallels.kext.hypervisor": true, "com.Logitech.Control Center.HID Driver": true, "com.ä.b": true, "com.a<b": true, strings.Repeat("a", 255): true,
		"": false, strings.Repeat("a", 256): false, "a/b": false, "a\n": false, "\x00a": false, "a\xff": false, " a": false, "a\u202eb": false, TooLong: false,
	} {
		if got := IsKextID(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
