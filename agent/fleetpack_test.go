package main

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kextwatch/agent/fleet"
)

// fleetQuery has the keys of a query that Fleet's documentation of YAML files names.
type fleetQuery struct {
	Name               string `yaml:"name"`
	Description        string `yaml:"description"`
	Query              string `yaml:"query"`
	Platform           string `yaml:"platform"`
	Interval           int    `yaml:"interval"`
	ObserverCanRun     bool   `yaml:"observer_can_run"`
	AutomationsEnabled bool   `yaml:"automations_enabled"`
	Logging            string `yaml:"logging"`
	DiscardData        bool   `yaml:"discard_data"`
}

// A YAML parser that is not ours reads the queries that we wrote, in each of Fleet's forms.
func TestFleetReadsThePack(t *testing.T) {
	var applied []fleetQuery
	documents := yaml.NewDecoder(strings.NewReader(packIn(t, "fleet")))
	documents.KnownFields(true)
	for {
		var doc struct {
			APIVersion string     `yaml:"apiVersion"`
			Kind       string     `yaml:"kind"`
			Spec       fleetQuery `yaml:"spec"`
		}
		err := documents.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || doc.APIVersion != "v1" || doc.Kind != "query" {
			t.Fatalf("%+v, %v", doc, err)
		}
		applied = append(applied, doc.Spec)
	}
	var listed []fleetQuery
	list := yaml.NewDecoder(strings.NewReader(packIn(t, "gitops")))
	list.KnownFields(true)
	if err := list.Decode(&listed); err != nil {
		t.Fatal(err)
	}
	for form, got := range map[string][]fleetQuery{"fleet": applied, "gitops": listed} {
		if len(got) != len(fleet.Queries()) {
			t.Errorf("%s has %d queries, want %d", form, len(got), len(fleet.Queries()))
			continue
		}
		for i, q := range fleet.Queries() {
			want := fleetQuery{q.Name, q.Meaning, q.SQL + "\n", "darwin", got[i].Interval, true, false, "snapshot", false}
			if got[i] != want || want.Interval <= 0 {
				t.Errorf("%s: got  %+v\nwant %+v", form, got[i], want)
			}
		}
	}
}

// osquery's pack has the same queries on one line each.
func TestOsqueryReadsThePack(t *testing.T) {
	var pack struct {
		Platform string
		Queries  map[string]struct {
			Query, Description string
			Interval           int
			Snapshot           bool
		}
	}
	if err := json.Unmarshal([]byte(packIn(t, "osquery")), &pack); err != nil || pack.Platform != "darwin" || len(pack.Queries) != len(fleet.Queries()) {
		t.Fatalf("%+v, %v", pack, err)
	}
	for _, q := range fleet.Queries() {
		got := pack.Queries[q.Name]
		if got.Query != strings.Join(strings.Fields(q.SQL), " ") || got.Description != q.Meaning || got.Interval <= 0 || got.Snapshot {
			t.Errorf("%s: %+v", q.Name, got)
		}
	}
}

func packIn(t *testing.T, form string) string {
	t.Helper()
	f, ok := fleet.PackNamed(form)
	if !ok {
		t.Fatalf("there is no form %q", form)
	}
	return f.Pack()
}
