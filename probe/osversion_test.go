package probe

import "testing"

// Up to 10.15 the second number counts releases, later the first one. What is unknown is
// neither before nor after anything.
func TestVersionsOfMacOS(t *testing.T) {
	for _, tt := range []struct {
		version, release         string
		before, after, atLeast11 bool
	}{
		{"10.14.6", "10.15", true, false, false},
		{"10.15.7", "10.15", false, false, false},
		{"10.15.7", "11", true, false, false},
		{"11.7.10", "10.15.7", false, true, true},
		{"13.2", "13", false, false, true},
		{"26.3.1", "15.5", false, true, true},
		{"", "13", false, false, false},
		{"13", "", false, false, true},
		{"garbage", "13", true, false, false},
		{"11", "11.-1", false, false, true},
	} {
		v := OSVersion{Version: tt.version}
		if got := v.Before(tt.release); got != tt.before {
			t.Errorf("%q before %q: %t, want %t", tt.version, tt.release, got, tt.before)
		}
		if got := v.After(tt.release); got != tt.after {
			t.Errorf("%q after %q: %t, want %t", tt.version, tt.release, got, tt.after)
		}
		if got := v.AtLeast(11, 0); got != tt.atLeast11 {
			t.Errorf("%q at least 11: %t, want %t", tt.version, got, tt.atLeast11)
		}
	}
	v := OSVersion{Version: "12.7.6"}
	if !v.AtLeast(12, 7) || v.AtLeast(12, 8) || v.AtLeast(13, 0) {
		t.Error("12.7.6 is at least 12.7, and neither 12.8 nor 13")
	}
}

func TestVersionsAsPeopleWriteThem(t *testing.T) {
	for want, v := range map[string]OSVersion{"26.3.1 (a)": {"26.3.1", "25D2128", "(a)"}, "10.15.7": {Version: "10.15.7", Build: "19H2026"}, "": {}} {
		if got := v.String(); got != want {
			t.Errorf("%+v is written %q, want %q", v, got, want)
		}
	}
}
