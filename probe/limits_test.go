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
