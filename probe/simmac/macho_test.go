package simmac

import (
	"bytes"
	"debug/macho"
	"testing"

	"kextwatch/probe"
)

// Another reader accepts what Executable writes.
func TestExecutableIsMachO(t *testing.T) {
	for name, c := range map[string]struct {
		archs []probe.Arch
		team  string
		want  []macho.Cpu
	}{
		"Intel":         {[]probe.Arch{probe.Intel}, "3T5GSNBU6W", []macho.Cpu{macho.CpuAmd64}},
		"Apple silicon": {[]probe.Arch{probe.AppleSilicon}, "", []macho.Cpu{macho.CpuArm64}},
		"universal":     {[]probe.Arch{probe.AppleSilicon, probe.Intel}, "3T5GSNBU6W", []macho.Cpu{macho.CpuAmd64, macho.CpuArm64}},
	} {
		file := Executable("com.example.a", "1", c.team, c.archs...)
		var got []*macho.File
		if len(c.archs) > 1 {
			fat, err := macho.NewFatFile(bytes.NewReader(file))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, arch := range fat.Arches {
				got = append(got, arch.File)
			}
		} else {
			thin, err := macho.NewFile(bytes.NewReader(file))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, thin)
		}
		if len(got) != len(c.want) {
			t.Fatalf("%s: %d slices, want %d", name, len(got), len(c.want))
		}
		for i, f := range got {
			commands := 1
			if c.team != "" {
				commands = 2
			}
			if f.Cpu != c.want[i] || f.Type != kextBundle || len(f.Loads) != commands {
				t.Errorf("%s: %+v with %d commands, want %v with %d", name, f.FileHeader, len(f.Loads), c.want[i], commands)
			}
		}
		if bytes.Contains(file, []byte(c.team+"\x00")) != true {
			t.Errorf("%s: the team %q is missing", name, c.team)
		}
	}
	if bytes.Equal(Executable("com.example.a", "1", "", probe.Intel), Executable("com.example.a", "2", "", probe.Intel)) {
		t.Error("two versions have the same executable")
	}
}
