package root

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"howett.net/plist"
)

// ErrOtherType is part of the error for a property list that has a value of another
// type than the program expects, such as a text where a date belongs. All other
// values of the list were decoded.
var ErrOtherType = errors.New("has another type than expected")

// unmarshal decodes a property list that was checked. The decoder ends at the first
// value of another type. unmarshal skips only this value, as encoding/json does, and
// returns an error that names the first such value.
func unmarshal(data []byte, into any) error {
	_, err := plist.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	target := reflect.ValueOf(into).Elem()
	target.SetZero() // what the decoder stored before it ended
	var tree any
	if _, err := plist.Unmarshal(data, &tree); err != nil {
		return err
	}
	var f filler
	if !f.fill(target, tree, "") {
		return err
	}
	if f.skipped != "" {
		return fmt.Errorf("%s %w", f.skipped, ErrOtherType)
	}
	return nil
}

// filler stores the values of a decoded property list in Go values.
type filler struct {
	skipped string // the key of the first value of another type; empty: none
}

// fill stores a value, and reports whether its type fits. key is for the error. What
// does not fit inside of an array or of a dictionary is left out there.
func (f *filler) fill(into reflect.Value, value any, key string) bool {
	v := reflect.ValueOf(value)
	switch kind := into.Kind(); {
	case !v.IsValid():
	case v.Type().AssignableTo(into.Type()):
		into.Set(v)
		return true
	case kind == reflect.Struct && v.Type() == reflect.TypeFor[map[string]any]():
		f.fillStruct(into, value.(map[string]any))
		return true
	case kind == reflect.Map && v.Type() == reflect.TypeFor[map[string]any]():
		f.fillMap(into, value.(map[string]any))
		return true
	case kind == reflect.Slice && v.Type() == reflect.TypeFor[[]any]():
		f.fillSlice(into, value.([]any), key)
		return true
	case kind == reflect.String:
		if text, ok := textOf(v); ok {
			into.SetString(text)
			return true
		}
	case kind == reflect.Bool && v.CanUint() && v.Uint() <= 1:
		into.SetBool(v.Uint() == 1)
		return true
	case (into.CanInt() || into.CanUint()) && (v.CanInt() || v.CanUint()), into.CanFloat() && v.CanFloat(), kind == reflect.Bool && v.Kind() == kind:
		into.Set(v.Convert(into.Type()))
		return true
	}
	if f.skipped == "" {
		f.skipped = key
	}
	return false
}

func (f *filler) fillStruct(into reflect.Value, dict map[string]any) {
	for i := range into.NumField() {
		field := into.Type().Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("plist"), ",")
		if key == "" {
			key = field.Name
		}
		if value, ok := dict[key]; ok && field.IsExported() {
			f.fill(into.Field(i), value, key)
		}
	}
}

func (f *filler) fillMap(into reflect.Value, dict map[string]any) {
	into.Set(reflect.MakeMap(into.Type()))
	for key, value := range dict {
		element := reflect.New(into.Type().Elem()).Elem()
		if f.fill(element, value, "a value") {
			into.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), element)
		}
	}
}

func (f *filler) fillSlice(into reflect.Value, list []any, key string) {
	into.Set(reflect.MakeSlice(into.Type(), 0, len(list)))
	for _, value := range list {
		element := reflect.New(into.Type().Elem()).Elem()
		if f.fill(element, value, "a value in "+key) {
			into.Set(reflect.Append(into, element))
		}
	}
}

// textOf returns a text, or a number as text: some programs write the number 51588 as
// their CFBundleVersion.
func textOf(v reflect.Value) (string, bool) {
	switch {
	case v.Kind() == reflect.String:
		return v.String(), true
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), true
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), true
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits()), true
	}
	return "", false
}
