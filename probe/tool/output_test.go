package tool

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"kextwatch/probe/hostile"
)

// A line may arrive in any number of pieces. A line that is too long uses no
// memory.
func TestLines(t *testing.T) {
	long := strings.Repeat("x", lineLimit)
	tests := []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"whole", []string{"a\nb\n"}, []string{"a", "b"}},
		{"pieces", []string{"a", "b\n", "", "\n", "c\nd"}, []string{"ab", "", "c"}},
		{"as long as may be", []string{long, "\n"}, []string{long}},
		{"too long", []string{"a\n" + long, "x\nb\n"}, []string{"a", "b"}},
		{"far too long", []string{long, long, long, "\nb\n"}, []string{"b"}},
		{"too long, whole", []string{long + "x\n"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			w := &lines{each: func(line []byte) { got = append(got, string(line)) }}
			for _, piece := range tt.pieces {
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Errorf("Write: %d, %v", n, err)
				}
				if cap(w.line) > 2*lineLimit {
					t.Errorf("holds %d bytes", cap(w.line))
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%d lines: %.40q", len(got), got)
			}
		})
	}
}

// What a tool prints is kept up to the limit. What is above it stops the tool.
func TestCapped(t *testing.T) {
	for name, c := range map[string]struct {
		printed  string
		overflow bool
	}{
		"nothing":    {"", false},
		"less":       {"1234567", false},
		"all of it":  {"12345678", false},
		"one more":   {"123456789", true},
		"far beyond": {strings.Repeat("1", 1<<20), true},
	} {
		for how, fill := range map[string]func(*capped) error{
			"read": func(c8 *capped) error {
				_, err := c8.ReadFrom(iotest.HalfReader(strings.NewReader(c.printed)))
				return err
			},
			"read in bytes": func(c8 *capped) error {
				_, err := c8.ReadFrom(iotest.OneByteReader(strings.NewReader(c.printed)))
				return err
			},
			"written": func(c8 *capped) error { _, err := c8.Write([]byte(c.printed)); return err },
		} {
			overflows := 0
			w := &capped{most: 8, overflow: func() { overflows++ }}
			err := fill(w)
			if errors.Is(err, ErrTooMuch) != c.overflow || !c.overflow && err != nil || overflows > 0 != c.overflow || w.kept.Len() > 9 {
				t.Errorf("%s, %s: %v, %d overflows, %d bytes kept", name, how, err, overflows, w.kept.Len())
			}
			if !c.overflow && w.kept.String() != c.printed {
				t.Errorf("%s, %s: kept %q", name, how, w.kept.String())
			}
		}
	}
	broken := errors.New("broken")
	w := &capped{most: 8, overflow: func() { t.Error("overflow") }}
	if n, err := w.ReadFrom(io.MultiReader(strings.NewReader("12"), iotest.ErrReader(broken))); n != 2 || err != broken {
		t.Errorf("a broken pipe: %d, %v", n, err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nbc\n\nd"), uint8(2))
	hostile.Fuzz(f, func(t *testing.T, text []byte, size uint8) {
		if len(text) > 64<<10 {
			t.Skip() // a million lines cost the test more than the program
		}
		var got []string
		w := &lines{each: func(line []byte) { got = append(got, string(line)) }}
		for piece := range slices.Chunk(text, int(size)+1) {
			w.Write(piece)
		}
		want := strings.Split(string(text), "\n")
		if want = want[:len(want)-1]; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}
