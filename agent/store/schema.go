package store

import (
	"errors"
	"fmt"

	"howett.net/plist"

	"kextwatch/agent/approval"
	"kextwatch/probe/root"
)

// migration changes the values of a memory of one schema into those of the next.
type migration func(values map[string]any) error

// migrations[i] turns schema i+1 into schema i+2, so the newest schema is the
// number of migrations plus one.
var migrations = []migration{productIDs}

// productIDs replaces the names of products in a memory of schema 1 with their IDs.
// Two developers can have the same name, and their notices were mixed up.
func productIDs(values map[string]any) error {
	memory, _ := values["Memory"].(map[string]any)
	told, _ := memory["Told"].(map[string]any)
	versions, _ := memory["Versions"].(map[string]any)
	ids := map[string]string{} // by name
	for name := range versions {
		ids[name] = approval.ProductID(name, nil)
	}
	for name, about := range told {
		announced, _ := about.(map[string]any)
		windows, _ := announced["Windows"].([]any)
		var announcedWindows []string
		for _, w := range windows {
			if id, ok := w.(string); ok {
				announcedWindows = append(announcedWindows, id)
			}
		}
		ids[name] = approval.ProductID(name, announcedWindows)
	}
	rename(told, ids)
	rename(versions, ids)
	return nil
}

func rename(values map[string]any, keys map[string]string) {
	for from, to := range keys {
		if value, known := values[from]; known && to != from {
			delete(values, from)
			values[to] = value
		}
	}
}

func schemaOf(steps []migration) int { return len(steps) + 1 }

var (
	errDamaged = errors.New("the memory is damaged")
	errNewer   = errors.New("a newer version of kextwatch wrote the memory")
)

// decodeMemory decodes a memory of any schema up to that of steps. It reads the
// schema first, because a newer memory may have values of other types.
func decodeMemory(data []byte, steps []migration) (MemoryFile, error) {
	var m MemoryFile
	var head struct {
		Schema int `plist:"Schema"`
	}
	if err := root.DecodePlist(data, &head); err != nil {
		return m, fmt.Errorf("%w: %w", errDamaged, err)
	}
	newest := schemaOf(steps)
	switch {
	case head.Schema > newest:
		return m, fmt.Errorf("%w: it has schema %d, and this version reads up to schema %d", errNewer, head.Schema, newest)
	case head.Schema < 1:
		return m, fmt.Errorf("%w: schema %d is invalid", errDamaged, head.Schema)
	}
	data, err := migrate(data, steps[head.Schema-1:])
	if err == nil {
		err = root.DecodePlist(data, &m)
	}
	if err != nil {
		return MemoryFile{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	m.Schema = newest
	return m, nil
}

// migrate applies the steps to a property list. Without steps it returns data.
func migrate(data []byte, steps []migration) ([]byte, error) {
	if len(steps) == 0 {
		return data, nil
	}
	var values map[string]any
	if err := root.DecodePlist(data, &values); err != nil {
		return nil, err
	}
	for _, step := range steps {
		if err := step(values); err != nil {
			return nil, err
		}
	}
	return plist.Marshal(values, plist.XMLFormat)
}
