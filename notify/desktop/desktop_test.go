package desktop

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"kextwatch/probe/mactest"
)

// The test binary is also the child: it acts as "kextwatch post".
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "post" {
		os.Exit(post())
	}
	os.Exit(mactest.Leaks{M: m}.Run())
}

func post() int {
	alert, err := ReadAlert(os.Stdin, slices.Contains(os.Args, "--urgent"))
	if err == nil {
		err = Send(alert)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "kextwatch: error:", err)
		return 69
	}
	return 0
}

func TestBusAddress(t *testing.T) {
	for _, test := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"as given", map[string]string{busVariable: "unix:path=/b", "XDG_RUNTIME_DIR": "/run/u"}, "unix:path=/b"},
		{"where systemd puts it", map[string]string{"XDG_RUNTIME_DIR": "/run/u"}, "unix:path=/run/u/bus"},
		{"no dbus-launch on request", map[string]string{busVariable: "autolaunch:"}, "disabled:"},
		{"none", nil, "disabled:"},
	} {
		if got := busAddress(func(name string) string { return test.env[name] }); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// What helps comes before what the libraries say, which is long and may be cut.
func TestErrorSaysFirstWhatHelps(t *testing.T) {
	err := notAccepted(errors.New("beeep: dbus: dbus: invalid bus address"), "linux")
	const want = "no notification service accepted it; start a notification daemon in this desktop session, for example dunst (beeep: dbus: dbus: invalid bus address)"
	if err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
