package main

import (
	"log/slog"
	"reflect"
	"testing"
	"time"

	"kextwatch/agent/loop"
	"kextwatch/agent/store"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// The loop gets every edge that it needs, and the version for its menu.
func TestEdgesAreComplete(t *testing.T) {
	home := t.TempDir()
	m := root.FS{Root: t.TempDir()}
	in := &invocation{host: newHost(), log: slog.New(slog.DiscardHandler)}
	in.mac, in.homeFlag = m, home
	st, _ := store.Open(store.PlacesIn(home), time.Now())
	edges := in.edges(t.Context(), st, mac.NewProber(m))
	mayBeNil := map[string]bool{"Tray": true, "View": true, "Events": true, "Binary": true}
	value := reflect.ValueOf(edges)
	for i := range value.NumField() {
		if name := reflect.TypeFor[loop.Edges]().Field(i).Name; value.Field(i).IsZero() && !mayBeNil[name] {
			t.Errorf("the edge %s is not set", name)
		}
	}
	if edges.Version != version {
		t.Errorf("version %q, want %q", edges.Version, version)
	}
}
