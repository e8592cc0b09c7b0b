package mac

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
	"kextwatch/probe/tool/tooltest"
)

const testTool = "/usr/bin/tool"

func TestTool(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, testTool, `printf '%s|' "$#" "$@"; env | while IFS== read -r name value; do [ $name = LC_ALL ] && echo $value; [ $name = HOME ] && echo leaked; done; pwd`)
	t.Setenv("HOME", "/secret")
	out, err := tool.Query(t.Context(), m, testTool, "a b", "$(id)", "'")
	if err != nil || string(out) != "3|a b|$(id)|'|C\n/\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestToolMissing(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	if _, err := tool.Query(t.Context(), m, testTool); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	mactest.AddFile(t, m.Root, testTool, "not executable")
	if _, err := tool.Query(t.Context(), m, testTool); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("not executable: %v", err)
	}
}

func TestNoToolsRunsNothing(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, testTool, `echo ran`)
	m.NoTools = true
	if out, err := tool.Query(t.Context(), m, testTool); !errors.Is(err, tool.ErrNoTools) || out != nil {
		t.Errorf("%q, %v", out, err)
	}
	if err := tool.Follow(t.Context(), m, nil, testTool); !errors.Is(err, tool.ErrNoTools) {
		t.Errorf("stream: %v", err)
	}
}

func TestToolFails(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, testTool, `echo out; printf 'no such\033[31m thing\n' >&2; exit 3`)
	out, err := tool.Query(t.Context(), m, testTool)
	exit, ok := errors.AsType[*tool.ExitError](err)
	if !ok || exit.Code != 3 || string(out) != "out\n" || err.Error() != testTool+": exit status 3: no such[31m thing" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestToolHangs(t *testing.T) {
	tooltest.ShortLimit(t, 300*time.Millisecond)
	m := root.FS{Root: mactest.Root(t)}
	mactest.AddTool(t, m.Root, testTool, `sleep 60`)
	if _, err := tool.Query(t.Context(), m, testTool); !errors.Is(err, tool.ErrTimeout) {
		t.Errorf("a tool that hangs: error %v, want %v", err, tool.ErrTimeout)
	}
}

func TestStream(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	if err := tool.Follow(t.Context(), m, nil, testTool); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	mactest.AddTool(t, m.Root, testTool, `echo "$*"`)
	var got string
	err := tool.Follow(t.Context(), m, func(line []byte) { got = string(line) }, testTool, "a", "b")
	if !errors.Is(err, tool.ErrEnded) || got != "a b" {
		t.Errorf("%q, %v", got, err)
	}
}

// If /usr/local/bin belongs to a user, root must not run a tool in it.
// No tool starts, because the context has ended.
func TestRootRunsNoUserTool(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asRoot := root.FS{Root: "/"}
	const uuid = "b0f4b3a0-0000-4000-8000-000000000000"
	for name, err := range map[string]error{
		"prlctl list":  second(queryPrlctl(ctx, asRoot)),
		"prlctl start": third(StartVM(ctx, asRoot, uuid)),
		"open":         OpenParallels(ctx, asRoot, nil),
		"a stream":     tool.Follow(ctx, asRoot, nil, probe.PrlctlTool),
	} {
		if !errors.Is(err, tool.ErrAsRoot) && !errors.Is(err, errStartAsRoot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := tool.Gap("virtual machines", second(queryPrlctl(ctx, asRoot)), "prlctl list -a"); !strings.Contains(got.Err, "not run as root") || !strings.Contains(got.Next, "without sudo") {
		t.Errorf("gap %+v", got)
	}
	user := root.FS{Root: "/", UID: 501}
	if _, err := queryPrlctl(ctx, user); !errors.Is(err, context.Canceled) {
		t.Errorf("an ordinary user: %v", err)
	}
}

func second[T any](_ T, err error) error        { return err }
func third[T, U any](_ T, _ U, err error) error { return err }
