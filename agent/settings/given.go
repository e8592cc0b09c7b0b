package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"kextwatch/agent/settings/values"
)

// Parse returns a text, such as that of a command line, as the value that the key has in a
// property list. A list is written with commas or spaces. The error says what the value
// must be.
func (k Key) Parse(text string) (any, error) {
	const longest = 4096 // bytes
	if len(text) > longest {
		return nil, fmt.Errorf("it must have at most %d characters", longest)
	}
	var refused error
	for _, value := range readings(text) {
		s := Default()
		if err := k.set(&s, value); err != nil {
			refused = err
			if misfit, ok := errors.AsType[*values.Misfit](err); ok {
				refused = errors.New(misfit.Must) // the hint is about property lists
			}
			continue
		}
		return k.Get(s), nil
	}
	return nil, refused
}

// readings returns the values of a property list that a text can mean. The rule of the key
// decides. A text that can be a single value comes before a list, because a text may
// have commas.
func readings(text string) []any {
	var all []any
	switch text {
	case "true", "false":
		all = append(all, text == "true")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		all = append(all, n)
	}
	texts, numbers := []any{}, []any{}
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		texts = append(texts, part)
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			numbers = append(numbers, n)
		} else {
			numbers = append(numbers, part)
		}
	}
	return append(all, text, texts, numbers)
}

// KeyNamed returns the key with this name. If it does not exist, nearest is the key that a
// mistyped name probably means, or "".
func KeyNamed(name string) (key Key, nearest string, ok bool) {
	for _, key := range Keys {
		if key.Name == name {
			return key, "", true
		}
	}
	return Key{}, nearestKey(name), false
}

// ReadGiven reads the settings in a property list of this machine that are meant for other
// Macs, such as the output of `defaults export`. given has the valid values by key, in the
// form of a property list. foreign are the keys that macOS put there. The error is that of
// reading the file.
func ReadGiven(path string) (given map[string]any, foreign []string, problems []Problem, err error) {
	content, err := readSettingsFile(path)
	if err == nil && content == nil {
		err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	s := Default()
	problems = s.take(content, File{Path: path}, map[string]bool{})
	given = map[string]any{}
	for _, key := range Keys {
		if _, valid := s.Origins[key.Name]; valid {
			given[key.Name] = key.Get(s)
		}
	}
	foreign = slices.DeleteFunc(slices.Sorted(maps.Keys(content)), func(name string) bool { return !isForeign(name) })
	return given, foreign, problems, nil
}
