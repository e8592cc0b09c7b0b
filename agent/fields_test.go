package main

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kextwatch/agent/store"
	"kextwatch/agent/view"
)

// A schema has exactly the properties of the type that is printed, and requires those that
// are always there. So a property that is no longer printed leaves its schema, too.
func TestSchemasHaveTheFieldsOfTheTypes(t *testing.T) {
	files, err := schemaFiles()
	if err != nil {
		t.Fatal(err)
	}
	f := fields{t, files}
	f.compare("status", f.part("status.schema.json", "status"), reflect.TypeFor[view.Document]())
	f.compare("upgrade-check", f.part("upgrade-check.schema.json", ""), reflect.TypeFor[view.UpgradeDocument]())
	f.compare("guide", f.part("guide.schema.json", ""), reflect.TypeFor[view.Guide]())
	f.compare("event", f.part("event.schema.json", ""), reflect.TypeFor[store.Event]())
	f.compare("settings", f.part("settings.schema.json", ""), reflect.TypeFor[settingsDoc]())
	f.compare("retry", f.part("retry.schema.json", ""), reflect.TypeFor[retryDoc]())
	f.compare("profile", f.part("profile.schema.json", ""), reflect.TypeFor[profileDoc]())
	doctor := f.part("doctor.schema.json", "")
	f.compare("doctor.checks", doctor.follow("properties", "checks", "items"), reflect.TypeFor[view.Check]())
}

// fields compares schemas with types.
type fields struct {
	t     *testing.T
	files map[string]any
}

// schemaPart is a part of a schema, in the file that its references start from.
type schemaPart struct {
	fields
	file string
	part map[string]any
}

// part returns what a reference of a file leads to.
func (f fields) part(reference, from string) schemaPart {
	f.t.Helper()
	file, way, _ := strings.Cut(reference, "#")
	if file = strings.TrimSuffix(file, schemaEnding); file == "" {
		file = from
	}
	root, _ := f.files[file].(map[string]any)
	if root == nil {
		f.t.Fatalf("no schema for the reference %s in %s", reference, from)
	}
	return schemaPart{f, file, root}.follow(strings.FieldsFunc(way, func(r rune) bool { return r == '/' })...)
}

// follow goes down the keys, and along a reference at the end.
func (p schemaPart) follow(keys ...string) schemaPart {
	p.t.Helper()
	for _, key := range keys {
		next, _ := p.part[key].(map[string]any)
		if next == nil {
			p.t.Fatalf("%s: no %s in %v", p.file, key, p.part)
		}
		p.part = next
	}
	if reference, ok := p.part["$ref"].(string); ok {
		return p.fields.part(reference, p.file)
	}
	return p
}

// compare compares the properties of a part with the fields of a type, and what these
// hold.
func (f fields) compare(where string, p schemaPart, of reflect.Type) {
	f.t.Helper()
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch {
	case of.Kind() == reflect.Slice:
		f.compare(where+"[]", p.follow("items"), of.Elem())
		return
	case of.Kind() != reflect.Struct, of == reflect.TypeFor[time.Time]():
		return
	}
	properties, _ := p.part["properties"].(map[string]any)
	var names, always, required []string
	for _, field := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || name == "" {
			if name == "" && field.IsExported() && !field.Anonymous {
				f.t.Errorf("%s: %s has no name in JSON", where, field.Name)
			}
			continue
		}
		names = append(names, name)
		if options != "omitempty" {
			always = append(always, name)
		}
		if properties[name] != nil {
			f.compare(where+"."+name, p.follow("properties", name), field.Type)
		}
	}
	list, _ := p.part["required"].([]any)
	for _, name := range list {
		required = append(required, name.(string))
	}
	sameValues(f.t, where+": the properties", slices.Collect(maps.Keys(properties)), names)
	sameValues(f.t, where+": the required properties", required, always)
}
