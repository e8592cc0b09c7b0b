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
