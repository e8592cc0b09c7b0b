package main

import (
	"slices"
	"testing"

	"kextwatch/agent/approval"
	"kextwatch/agent/store"
	"kextwatch/notify"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

// The entry of the menu opens the address as one argument of macOS's open, and nothing
// else.
func TestContactOpensTheAddress(t *testing.T) {
	dir := t.TempDir()
	sim, err := simmac.New(dir, simmac.Options{})
	if err != nil {
		t.Fatal(err)
	}
	actions := menuActions{target: &target{mac: root.FS{Root: dir}}, store: &store.Store{}}
	click := func(url string) error {
		return actions.Do(t.Context(), notify.Contact, approval.Status{Contact: approval.Contact{URL: url}})
	}
	for _, url := range []string{"", "javascript:alert(1)", "file:///Applications/Calculator.app", "-a Calculator", "https://acme.example@evil.example", "https://acme.example/$(x)`x`\n"} {
		if click(url) == nil {
			t.Errorf("%q was opened", url)
		}
	}
	const page = "https://help.acme.example/mac?a=$(x)&b='x';y#top"
	if err := click(page); err != nil {
		t.Error(err)
	}
	if opened, err := sim.Opened(); err != nil || !slices.Equal(opened, []string{page}) {
		t.Errorf("opened %q, %v", opened, err)
	}
}
