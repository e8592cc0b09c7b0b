package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
)

// schemaFolder has one schema for each document that the program prints, and those parts
// that several documents share. docs/interface.md says which command prints which.
const schemaFolder = "../docs/schemas"

const schemaEnding = ".schema.json"

// commonSchema is the file of the parts. It describes no document.
const commonSchema = "common"

// A schema allows more properties than it names, so that a later version can add one. The
// tests allow none: otherwise nobody notices a property that no schema describes.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Resolved, error) { return resolveSchemas(closed) })

// resolveSchemas returns the schemas of all documents by name, after change.
func resolveSchemas(change func(schema any)) (map[string]*jsonschema.Resolved, error) {
	files, err := schemaFiles()
	if err != nil {
		return nil, err
	}
	load := func(name string) (*jsonschema.Schema, error) {
		text, err := json.Marshal(files[name])
		if err != nil {
			return nil, err
		}
		schema := &jsonschema.Schema{}
		return schema, json.Unmarshal(text, schema)
	}
	beside := func(uri *url.URL) (*jsonschema.Schema, error) { // a reference to another file
		return load(strings.TrimSuffix(path.Base(uri.Path), schemaEnding))
	}
	for _, schema := range files {
		change(schema)
	}
	resolved := map[string]*jsonschema.Resolved{}
	for name := range files {
		if name == commonSchema {
			continue
		}
		schema, err := load(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if resolved[name], err = schema.Resolve(&jsonschema.ResolveOptions{BaseURI: "file:///" + name + schemaEnding, Loader: beside}); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return resolved, nil
}

// schemaFiles returns the content of each file, by its name without the ending.
func schemaFiles() (map[string]any, error) {
	paths, err := filepath.Glob(filepath.Join(schemaFolder, "*"+schemaEnding))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, errors.New("no schema in " + schemaFolder)
	}
	files := map[string]any{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		doc, err := decodeJSON(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		files[strings.TrimSuffix(filepath.Base(path), schemaEnding)] = doc
	}
	return files, nil
}

// closed forbids, in every object of a schema, the properties that it does not name. An
// object that says itself whether it has others keeps its answer.
func closed(schema any) {
	eachObject(schema, func(object map[string]any) {
		if _, open := object["additionalProperties"]; !open {
			object["additionalProperties"] = false
		}
	})
}

// eachObject calls do for every part of a schema that describes an object.
func eachObject(schema any, do func(object map[string]any)) {
	switch part := schema.(type) {
	case []any:
		for _, element := range part {
			eachObject(element, do)
		}
	case map[string]any:
		for _, element := range part {
			eachObject(element, do)
		}
		if _, ok := part["properties"].(map[string]any); ok && part["type"] == "object" {
			do(part)
		}
	}
}

// validate returns the first fault of a document. The library takes numbers as
// json.Unmarshal makes them: decodeJSON keeps their text.
func validate(s *jsonschema.Resolved, doc any) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	return s.Validate(value)
}

// documentFaults returns the faults of a document that one of the schemas must describe;
// none may have a fault in one of them. With several, those of each are named.
func documentFaults(doc any, names ...string) []string {
	resolved, err := schemas()
	if err != nil {
		return []string{err.Error()}
	}
	var all []string
	for _, name := range names {
		s, ok := resolved[name]
		if !ok {
			all = append(all, fmt.Sprintf("no schema %s in %s", name, schemaFolder))
			continue
		}
		err := validate(s, doc)
		if err == nil {
			met.count(name)
			return nil
		}
		all = append(all, fmt.Sprintf("schema %s: %v", name, err))
	}
	return all
}

// met counts the valid documents of each schema.
var met counter

type counter struct {
	sync.Mutex
	of map[string]int
}

func (c *counter) count(name string) {
	c.Lock()
	defer c.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[name]++
}

// checkDocument fails the test for each fault of a document.
func checkDocument(t *testing.T, where, text string, names ...string) {
	t.Helper()
	doc, err := decodeJSON(text)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	for _, fault := range documentFaults(doc, names...) {
		t.Errorf("%s: %s", where, fault)
	}
}

// A schema is itself valid, names its draft, and describes every property that it
// requires.
func TestSchemasAreValid(t *testing.T) {
	files, err := schemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range files {
		if name != commonSchema && strings.Contains(fileText(t, filepath.Join(schemaFolder, name+schemaEnding)), `"enum"`) {
			t.Errorf("%s has a list of values: put it into %s, where it is compared with the program", name, commonSchema)
		}
		part, _ := schema.(map[string]any)
		if part["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: $schema is %v", name, part["$schema"])
		}
		for _, key := range []string{"title", "description"} {
			if text, _ := part[key].(string); text == "" {
				t.Errorf("%s has no %s", name, key)
			}
		}
		eachObject(schema, func(object map[string]any) {
			properties := object["properties"].(map[string]any)
			required, _ := object["required"].([]any)
			for _, key := range required {
				if _, described := properties[key.(string)]; !described {
					t.Errorf("%s requires %v, which it does not describe", name, key)
				}
			}
		})
	}
	// As they are published, they allow what a later version adds.
	open, err := resolveSchemas(func(any) {})
	if err != nil {
		t.Fatal(err)
	}
	later, err := decodeJSON(`{"schema": 1, "version": "2", "go": "go1.30", "os": "darwin", "arch": "arm64", "later": true}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(open["version"], later); err != nil {
		t.Errorf("an addition is refused: %v", err)
	}
	if faults := documentFaults(later, "version"); len(faults) != 1 || !strings.Contains(faults[0], `unexpected additional properties ["later"]`) {
		t.Errorf("a property that no schema describes gives %q", faults)
	}
}

// A fault names the rule, with the way to it, and the value.
func TestFaultsNameRuleAndValue(t *testing.T) {
	text := fileText(t, "testdata/documents/status.json")
	for name, c := range map[string]struct{ old, now, fault string }{
		"another value":    {`"basis": "load-history",`, `"basis": "guess",`, `/$defs/window/properties/basis: validating /$defs/basis: enum: guess does not equal any of`},
		"another type":     {`"minutes_left": 25,`, `"minutes_left": "25",`, `/$defs/window/properties/minutes_left: type: 25 has type "string", want "integer"`},
		"a local time":     {`"checked_at": "2026-05-06T05:50:00Z"`, `"checked_at": "2026-05-06T07:50:00+02:00"`, `/properties/checked_at: validating /$defs/time: pattern: "2026-05-06T07:50:00+02:00" does not match`},
		"no time":          {`"checked_at": "2026-05-06T05:50:00Z"`, `"checked_at": "yesterday Z"`, `/$defs/time: pattern: "yesterday Z" does not match`},
		"without it":       {`"checked_at": "2026-05-06T05:50:00Z",`, ``, `required: missing properties: ["checked_at"]`},
		"not described":    {`"team_id": "4C6364ACXT",`, `"team_id": "4C6364ACXT", "color": 1,`, `/$defs/product: unexpected additional properties ["color"]`},
		"another schema":   {`"schema": 1`, `"schema": 2`, `/properties/schema: validating /$defs/schema: const: 2 does not equal 1`},
		"a shared part":    {`"code": "not-admin"`, `"code": "nobody"`, `/$defs/reason/properties/code: validating /$defs/reason_code: enum: nobody does not equal any of`},
		"null for unknown": {`"reopened": 0`, `"reopened": null`, `/$defs/window/properties/reopened: type: `},
	} {
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: no %s in the document", name, c.old)
		}
		doc, err := decodeJSON(strings.ReplaceAll(text, c.old, c.now))
		if err != nil {
			t.Fatal(err)
		}
		faults := documentFaults(doc, "status")
		if len(faults) != 1 || !strings.Contains(faults[0], c.fault) {
			t.Errorf("%s: the faults are\n%s\nwant %s", name, strings.Join(faults, "\n"), c.fault)
		}
	}
}

// Every golden document is described. A new file needs a row.
func TestGoldenDocumentsAreDescribed(t *testing.T) {
	of := map[string]string{
		"doctor.json": "doctor", "settings.json": "settings", "status.json": "status", "status_empty.json": "status",
		"upgrade.json": "upgrade-check", "upgrade_none.json": "upgrade-check",
	}
	paths, err := filepath.Glob("testdata/documents/*.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("documents: %q, %v", paths, err)
	}
	for _, path := range paths {
		checkDocument(t, path, fileText(t, path), of[filepath.Base(path)])
		delete(of, filepath.Base(path))
	}
	if len(of) > 0 {
		t.Errorf("these documents are missing: %q", slices.Sorted(maps.Keys(of)))
	}
	saved, err := filepath.Glob("loop/testdata/saved/*/history.jsonl")
	if err != nil || len(saved) == 0 {
		t.Fatalf("saved histories: %q, %v", saved, err)
	}
	for _, path := range saved {
		for line := range strings.Lines(fileText(t, path)) {
			checkDocument(t, path, line, "event")
		}
	}
}
