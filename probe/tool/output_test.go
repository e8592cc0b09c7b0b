package tool

import (
	"slices"
	"strings"
	"testing"

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
