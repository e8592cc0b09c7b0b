package main

import (
	"log/slog"
	"reflect"
	"testing"
	"time"

	"kextwatch/agent/loop"
	"kextwatch/agent/store"
	"kextwatch/probe/root"
)

// The loop gets every edge that it needs, and the version for its menu.
func TestEdgesAreComplete(t *testing.T) {
	home := t.TempDir()
	h := newHost()
	w := wiring{
		target:    &target{mac: root.FS{Root: t.TempDir(), Home: home}, clock: h.clock},
		log:       slog.New(slog.DiscardHandler),
		newTray:   h.newTray,
		newPoster: h.newPoster,
		watch:     h.watch,
	}
	st, _ := store.Open(store.PlacesIn(home), time.Now())
	edges := w.edges(t.Context(), st)
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
