package launchd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"howett.net/plist"

	"kextwatch/probe"
)

func TestReadLoginJob(t *testing.T) {
	same := func(path string) (string, error) { return path, nil }
	write := func(job Job, perm os.FileMode) func(t *testing.T, list string) {
		return func(t *testing.T, list string) {
			data, err := job.Plist()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(list, data, perm); err != nil {
				t.Fatal(err)
			}
		}
	}
	text := func(content string) func(t *testing.T, list string) {
		return func(t *testing.T, list string) {
			if err := os.WriteFile(list, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "kextwatch")
	if err := os.WriteFile(program, []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data", "kextwatch")
	if err := os.WriteFile(data, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	otherArguments := Agent(program, dir)
	otherArguments.ProgramArguments = []string{program, "version"}
	otherLabel := Agent(program, dir)
	otherLabel.Label = "com.example.agent"
	tests := []struct {
		name  string
		write func(t *testing.T, list string)
		want  probe.LoginState
		why   string
	}{
		{"no list", func(*testing.T, string) {}, probe.LoginAbsent, ""},
		{"as we write it", write(Agent(program, dir), 0o644), probe.LoginReady, ""},
		{"garbage", text("This is not a property list."), probe.LoginDamaged, "property list"},
		{"empty", text(""), probe.LoginDamaged, "property list"},
		{"half a list", text("<?xml version=\"1.0\"?><plist><dict><key>Label"), probe.LoginDamaged, "damaged"},
		{"too large", text("<?xml" + strings.Repeat(" ", plistLimit)), probe.LoginDamaged, "property list"},
		{"another label", write(otherLabel, 0o644), probe.LoginDamaged, "com.example.agent"},
		{"a folder", func(t *testing.T, list string) {
			if err := os.Mkdir(list, 0o755); err != nil {
				t.Fatal(err)
			}
		}, probe.LoginDamaged, ""},
		{"a link", func(t *testing.T, list string) {
			if err := os.Symlink("/nowhere", list); err != nil {
				t.Fatal(err)
			}
		}, probe.LoginDamaged, "symbolic link"},
		{"others may write to it", func(t *testing.T, list string) {
			write(Agent(program, dir), 0o644)(t, list)
			if err := os.Chmod(list, 0o666); err != nil {
				t.Fatal(err)
			}
		}, probe.LoginRefused, "permissions"},
		{"the program is gone", write(Agent(filepath.Join(dir, "gone", "kextwatch"), dir), 0o644), probe.LoginProgramMissing, "does not exist"},
		{"the program is no program", write(Agent(data, dir), 0o644), probe.LoginProgramMissing, "not an executable"},
		{"the program is a folder", write(Agent(filepath.Join(dir, "data"), dir), 0o644), probe.LoginOtherProgram, "data"},
		{"another program", write(Agent("/bin/sh", dir), 0o644), probe.LoginOtherProgram, "/bin/sh"},
		{"other arguments", write(otherArguments, 0o644), probe.LoginOtherProgram, "version"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "agent.plist")
			tt.write(t, list)
			got := ReadLoginJob(list, Agent(program, dir), same)
			if got.State != tt.want || !strings.Contains(got.Why, tt.why) {
				t.Errorf("%+v, want %s because of %q", got, tt.want, tt.why)
			}
			if got.State != probe.LoginReady && got.State != probe.LoginAbsent && got.Why == "" {
				t.Errorf("%+v gives no reason", got)
			}
		})
	}
}

func TestExecutable(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]string{0o755: "", 0o644: "not an executable file"} {
		file := filepath.Join(dir, mode.String())
		if err := os.WriteFile(file, []byte("#!"), mode); err != nil {
			t.Fatal(err)
		}
		if err := Executable(file); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("mode %v: %v, want %q", mode, err, want)
		}
	}
	for file, want := range map[string]string{dir: "not an executable file", filepath.Join(dir, "gone"): "does not exist", "kextwatch": "not an absolute path"} {
		if err := Executable(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

// An administrator may have written another form of the list, with flags. launchd loads
// it only if it belongs to the owner of the Mac's files and nobody else may write to it.
func TestReadJobOfAll(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "kextwatch")
	if err := os.WriteFile(program, []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	list := func(program string, arguments ...string) map[string]any {
		return map[string]any{"Label": probe.AgentLabel, "ProgramArguments": append([]string{program}, arguments...)}
	}
	byName := list("kextwatch", "run")
	byName["Program"] = program
	me := os.Geteuid()
	for name, tt := range map[string]struct {
		list   any // nil: no file
		format int
		perm   os.FileMode
		owner  int
		want   probe.LoginState
	}{
		"absent":                   {nil, plist.XMLFormat, 0o644, me, probe.LoginAbsent},
		"as we write it":           {list(program, "run"), plist.XMLFormat, 0o644, me, probe.LoginReady},
		"binary, read only":        {list(program, "run"), plist.BinaryFormat, 0o444, me, probe.LoginReady},
		"with flags":               {list(program, "--log-level", "debug", "run", "--headless"), plist.XMLFormat, 0o644, me, probe.LoginReady},
		"with the key Program":     {byName, plist.XMLFormat, 0o644, me, probe.LoginReady},
		"of another owner":         {list(program, "run"), plist.XMLFormat, 0o644, me + 1, probe.LoginRefused},
		"others may write to it":   {list(program, "run"), plist.XMLFormat, 0o664, me, probe.LoginRefused},
		"another program":          {list("/bin/sh", "run"), plist.XMLFormat, 0o644, me, probe.LoginOtherProgram},
		"another command":          {list(program, "status"), plist.XMLFormat, 0o644, me, probe.LoginOtherProgram},
		"no arguments":             {list(program), plist.XMLFormat, 0o644, me, probe.LoginOtherProgram},
		"the program is gone":      {list(filepath.Join(dir, "gone", "kextwatch"), "run"), plist.XMLFormat, 0o644, me, probe.LoginProgramMissing},
		"a number instead of text": {map[string]any{"Label": probe.AgentLabel, "ProgramArguments": 7}, plist.XMLFormat, 0o644, me, probe.LoginDamaged},
		"no dictionary":            {[]string{"run"}, plist.XMLFormat, 0o644, me, probe.LoginDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), probe.AgentLabel+".plist")
			if tt.list != nil {
				data, err := plist.Marshal(tt.list, tt.format)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chmod(path, tt.perm)); err != nil {
					t.Fatal(err)
				}
			}
			// The program that asks has another name, as after a download.
			got := ReadJobOfAll(path, Agent("/opt/kextwatch-2", "/"), func(path string) (string, error) { return path, nil }, tt.owner)
			if got.State != tt.want || got.OfAll != (tt.want != probe.LoginAbsent) {
				t.Errorf("%+v, want %s", got, tt.want)
			}
		})
	}
}
