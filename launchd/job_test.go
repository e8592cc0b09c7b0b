package launchd

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"howett.net/plist"
)

func TestAgentPropertyList(t *testing.T) {
	got, err := Agent("/Applications/kextwatch.app/Contents/MacOS/kextwatch", "/Users/ada").Plist()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/agent.plist")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestUnusualPathsInPropertyList(t *testing.T) {
	for _, name := range []string{"with space", `"quotes" and 'these'`, "a & b < c > d", "&amp; ]]>", "Söhne 日本 👩‍👩‍👧", "trailing ", "$HOME/~/%s"} {
		job := Agent("/opt/"+name+"/kextwatch", "/Users/"+name)
		data, err := job.Plist()
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		var back Job
		if _, err := plist.Unmarshal(data, &back); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if !reflect.DeepEqual(back, job) {
			t.Errorf("%q: read back as %+v", name, back)
		}
	}
}

func TestInvalidJobs(t *testing.T) {
	fit := func() Job { return Agent("/usr/local/bin/kextwatch", "/Users/ada") }
	for name, tc := range map[string]struct {
		spoil func(*Job)
		want  string
	}{
		"no label":             {func(j *Job) { j.Label = "" }, "label"},
		"a path as label":      {func(j *Job) { j.Label = "../../evil.plist" }, "label"},
		"a label of one word":  {func(j *Job) { j.Label = "kextwatch" }, "label"},
		"a label with newline": {func(j *Job) { j.Label += "\n" }, "label"},
		"no program":           {func(j *Job) { j.ProgramArguments = nil }, "no program"},
		"a relative program":   {func(j *Job) { j.ProgramArguments[0] = "bin/kextwatch" }, "absolute"},
		"a home with a tilde":  {func(j *Job) { j.StandardOutPath = "~/agent.log" }, "absolute"},
		"no error log":         {func(j *Job) { j.StandardErrorPath = "" }, "absolute"},
		"newline in program":   {func(j *Job) { j.ProgramArguments[0] += "\n" }, "control"},
		"newline in argument":  {func(j *Job) { j.ProgramArguments[1] = "run\nfast" }, "control"},
		"escape in log":        {func(j *Job) { j.StandardErrorPath += "\x1b[2J" }, "control"},
		"zero in log":          {func(j *Job) { j.StandardOutPath += "\x00" }, "control"},
		"no character":         {func(j *Job) { j.StandardOutPath += "\uFFFF" }, "control"},
		"not UTF-8":            {func(j *Job) { j.ProgramArguments[0] += "\xff" }, "UTF-8"},
	} {
		job := fit()
		tc.spoil(&job)
		data, err := job.Plist()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, tc.want)
		}
		if data != nil {
			t.Errorf("%s: wrote a property list, want none", name)
		}
	}
}

// A property list for all users cannot name a home, so it names no file in one. In
// everything else it is that of one user.
func TestAgentOfAll(t *testing.T) {
	of, all := Agent("/Applications/Kextwatch.app/Contents/MacOS/kextwatch", "/Users/ada"), AgentOfAll("/Applications/Kextwatch.app/Contents/MacOS/kextwatch")
	if all.StandardOutPath != "/dev/null" || all.StandardErrorPath != "/dev/null" {
		t.Errorf("the output goes to %s and %s", all.StandardOutPath, all.StandardErrorPath)
	}
	of.StandardOutPath, of.StandardErrorPath = all.StandardOutPath, all.StandardErrorPath
	if !reflect.DeepEqual(all, of) {
		t.Errorf("%+v, want %+v", all, of)
	}
	if _, err := all.Plist(); err != nil {
		t.Error(err)
	}
	if got := all.logs(); got != "~/Library/Logs/io.kextwatch.agent" {
		t.Errorf("the logs are in %s", got)
	}
}
