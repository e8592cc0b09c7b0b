package launchd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/tool"
)

const uid = 501

// mac is a home directory with a launchctl, and the agent's place in it.
type mac struct {
	t     *testing.T
	tools string
	home  string
	job   Job
	place Place
}

func newMac(t *testing.T) *mac {
	t.Helper()
	dir := t.TempDir()
	m := &mac{t: t, tools: filepath.Join(dir, "bin"), home: filepath.Join(dir, `Users/Ada "O'Neil" & <Söhne>`)}
	script, err := os.ReadFile("testdata/launchctl.sh")
	if err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(m.tools, "launchctl"), string(script), 0o755)
	if err := os.MkdirAll(m.home, 0o755); err != nil {
		t.Fatal(err)
	}
	m.job = Agent("/Applications/kextwatch.app/Contents/MacOS/kextwatch", m.home)
	m.place = Place{Plist: AgentPlist(m.home), UID: uid, Launchctl: Launchctl{Runner: tool.Runner{Root: dir}, Tool: filepath.Join(m.tools, "launchctl")}}
	return m
}

func (m *mac) write(path, text string, perm fs.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), perm); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mac) link(target, path string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		m.t.Fatal(err)
	}
}

// tree lists all files in the home with their sizes and modes.
func (m *mac) tree() string {
	m.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(m.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime())
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all.String()
}

// answer sets launchctl's answers to the next calls of a command.
func (m *mac) answer(verb string, lines ...string) {
	m.t.Helper()
	m.write(filepath.Join(m.tools, verb+".answers"), strings.Join(lines, "\n")+"\n", 0o644)
}

// calls returns the commands that launchctl was called with, and clears them.
func (m *mac) calls() string {
	m.t.Helper()
	path := filepath.Join(m.tools, "calls")
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.t.Fatal(err)
	}
	os.Remove(path)
	var verbs []string
	for line := range strings.Lines(string(data)) {
		verb, _, _ := strings.Cut(line, " ")
		verbs = append(verbs, verb)
	}
	return strings.Join(verbs, " ")
}

// run runs a plan and returns its report, with ~ for the home.
func (m *mac) run(plan Plan) (string, error) {
	m.t.Helper()
	var said strings.Builder
	err := plan.Run(context.Background(), func(step Step, outcome string, err error) {
		if err != nil {
			outcome = "FAILED"
		}
		said.WriteString(step.Does + ": " + outcome + "\n")
	})
	return strings.ReplaceAll(said.String(), m.home, "~"), err
}

func (m *mac) install() (string, error) {
	m.t.Helper()
	plan, err := m.place.Install(context.Background(), m.job)
	if err != nil {
		return "", err
	}
	return m.run(plan)
}

// mustInstall installs the agent and clears the recorded calls.
func (m *mac) mustInstall() {
	m.t.Helper()
	if _, err := m.install(); err != nil {
		m.t.Fatal(err)
	}
	m.calls()
}

func (m *mac) logs() string { return filepath.Dir(m.job.StandardErrorPath) }
func (m *mac) state() string {
	return filepath.Join(m.home, "Library/Application Support", probe.AgentLabel)
}

// loaded reports whether launchd knows the job.
func (m *mac) loaded() bool { return exists(filepath.Join(m.tools, "job")) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
