package approval

import (
	"testing"

	"kextwatch/probe"
)

// The developer of an unsigned extension chooses its bundle ID. It must not be the ID of
// another product: what was announced about Parallels would be forgotten, or change.
func TestAnUnsignedExtensionHasItsOwnID(t *testing.T) {
	for _, other := range append([]watched{{teamID: "3T5GSNBU6W"}}, parallelsProducts...) {
		if evil := (watched{bundleID: other.id()}); !probe.IsKextID(evil.bundleID) || evil.id() == other.id() {
			t.Errorf("an unsigned extension with the bundle ID %q has the ID of %s", evil.bundleID, other.name)
		}
	}
}
