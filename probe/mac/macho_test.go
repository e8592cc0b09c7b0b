package mac

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
	"kextwatch/probe/simmac"
)

const testTeam = "3T5GSNBU6W"

var bothArchs = []probe.Arch{probe.AppleSilicon, probe.Intel}

func executable(team string, archs ...probe.Arch) []byte {
	return simmac.Executable("com.example.a", "1.0", team, archs...)
}

// changed returns data with a number at an offset from the first place of a mark.
func changed(data []byte, mark []byte, offset int, order binary.ByteOrder, number uint32) []byte {
	at := bytes.Index(data, mark)
	if at < 0 {
		panic("the mark is missing")
	}
	data = bytes.Clone(data)
	order.PutUint32(data[at+offset:], number)
	return data
}

func bigEndian(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// hostileCode are executables that are not what they seem.
func hostileCode() map[string][]byte {
	thin, fat := executable(testTeam, probe.Intel), executable(testTeam, bothArchs...)
	magic, sign := thin[:4], []byte{codeSignature, 0, 0, 0, 16, 0, 0, 0}
	blob, directory := bigEndian(superBlobMagic), bigEndian(codeDirectoryMagic)
	le, be := binary.LittleEndian, binary.BigEndian
	return map[string][]byte{
		"empty":                     {},
		"a text":                    []byte("#!/bin/sh\n"),
		"only the magic number":     magic,
		"cut in the header":         thin[:20],
		"cut in the commands":       thin[:40],
		"commands beyond the file":  changed(thin, magic, 20, le, 1<<15),
		"a huge command count":      changed(thin, magic, 16, le, 0xffffffff),
		"huge commands":             changed(thin, magic, 20, le, 0xffffffff),
		"a command of size 0":       changed(thin, sign, 4, le, 0),
		"a command beyond the rest": changed(thin, sign, 4, le, 17),
		"1,000 slices":              append(slices.Concat(bigEndian(0xcafebabe), bigEndian(1000)), make([]byte, 20*1000)...),
		"no slice":                  slices.Concat(bigEndian(0xcafebabe), bigEndian(0), make([]byte, 100)),
		"a Java class":              slices.Concat(bigEndian(0xcafebabe), bigEndian(61), make([]byte, 2000)),
		"a slice beyond the file":   changed(fat, fat[:4], 8+12, be, 0xffffffff),
		"a slice at the end":        changed(fat, fat[:4], 8+8, be, uint32(len(fat))),
		"a slice in itself":         changed(fat, fat[:4], 8+8, be, 0),
		"another processor inside":  changed(fat, fat[:4], 8, be, 0x0100000c),
		"cut in the table":          fat[:40],

		// The processor is known, and the team is not.
		"a signature beyond the file":   changed(thin, sign, 8, le, 0xffffffff),
		"a signature of size 0":         changed(thin, sign, 12, le, 0),
		"a signature of another form":   changed(thin, blob, 0, be, 0xfade0cc1),
		"1,000 parts of a signature":    changed(thin, blob, 8, be, 1000),
		"a part beyond the signature":   changed(thin, blob, 16, be, 0xffffffff),
		"a part of another kind":        changed(thin, blob, 12, be, 5),
		"another part in its place":     changed(thin, directory, 0, be, 0xfade0c01),
		"a longer directory":            changed(thin, directory, 4, be, 0xffffffff),
		"an older directory":            changed(thin, directory, 8, be, 0x20100),
		"no offset of a team":           changed(thin, directory, 48, be, 0),
		"a team in the header":          changed(thin, directory, 48, be, 8),
		"a team beyond the directory":   changed(thin, directory, 48, be, 0x7fffffff),
		"a team at the end":             changed(thin, directory, 48, be, uint32(52+len("com.example.a")+1+11+32-10)),
		"cut in the signature":          thin[:len(thin)-60],
		"a team in small letters":       bytes.ReplaceAll(thin, []byte(testTeam), []byte("3t5gsnbu6w")),
		"a team with control character": bytes.ReplaceAll(thin, []byte(testTeam), []byte("3T5GSNBU6\x1b")),
		"a longer team":                 bytes.ReplaceAll(thin, []byte(testTeam+"\x00"), []byte(testTeam+"X")),
	}
}

func TestParseCode(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want code
	}{
		"Intel":                {executable(testTeam, probe.Intel), code{[]probe.Arch{probe.Intel}, testTeam}},
		"Apple silicon":        {executable(testTeam, probe.AppleSilicon), code{[]probe.Arch{probe.AppleSilicon}, testTeam}},
		"universal":            {executable(testTeam, bothArchs...), code{bothArchs, testTeam}},
		"unsigned":             {executable("", bothArchs...), code{bothArchs, ""}},
		"for another":          {changed(executable(testTeam, probe.Intel), []byte{7, 0, 0, 1}, 0, binary.LittleEndian, 18), code{archs: []probe.Arch{}}},
		"PowerPC":              {slices.Concat(bigEndian(0xfeedface), bigEndian(18), make([]byte, 20)), code{archs: []probe.Arch{}}},
		"two teams":            {slices.Concat(executable(testTeam, bothArchs...)[:8192], executable("VB5E2TV963", bothArchs...)[8192:]), code{bothArchs, ""}},
		"one slice is signed":  {slices.Concat(executable(testTeam, bothArchs...)[:8192], executable("", bothArchs...)[8192:], make([]byte, 500)), code{bothArchs, ""}},
		"an empty code folder": {nil, code{}},
	} {
		got, err := parseCode(bytes.NewReader(c.file), int64(len(c.file)))
		if !slices.Equal(got.archs, c.want.archs) || (got.archs == nil) != (c.want.archs == nil) || got.teamID != c.want.teamID || (err == nil) != (c.want.archs != nil) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestHostileCode(t *testing.T) {
	for name, file := range hostileCode() {
		if got, err := parseCode(bytes.NewReader(file), int64(len(file))); got.teamID != "" {
			t.Errorf("%s: team %q, %v; want none", name, got.teamID, err)
		}
	}
	// What is not in the signature does not hide the processors.
	for _, name := range []string{"a signature beyond the file", "1,000 parts of a signature", "a longer directory", "a team in small letters"} {
		file := hostileCode()[name]
		if got, err := parseCode(bytes.NewReader(file), int64(len(file))); !slices.Equal(got.archs, []probe.Arch{probe.Intel}) || err != nil {
			t.Errorf("%s: %+v, %v; want code for Intel", name, got, err)
		}
	}
}

// countingReader counts what is read.
type countingReader struct {
	io.ReaderAt
	read int
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	r.read += len(p)
	return r.ReaderAt.ReadAt(p, off)
}

// An executable of many megabytes is not read whole, and a larger one not at all.
func TestLargeCodeIsNotReadWhole(t *testing.T) {
	file := executable(testTeam, bothArchs...)
	r := &countingReader{ReaderAt: bytes.NewReader(append(file, make([]byte, 4<<20)...))}
	if got, err := parseCode(r, 4<<20); got.teamID != testTeam || err != nil || r.read > 2000 {
		t.Errorf("%+v, %v with %d bytes; want the team, with at most 2000", got, err, r.read)
	}
	r.read = 0
	if got, err := parseCode(r, codeSizeLimit+1); err == nil || r.read > 0 {
		t.Errorf("over the limit: %+v, and %d bytes were read", got, r.read)
	}
}

// The signature of another program is read: that of the linker of Go has no team.
func TestGoProgramHasNoTeam(t *testing.T) {
	dir := t.TempDir()
	mactest.WriteFile(t, filepath.Join(dir, "main.go"), "package main\nfunc main() {}\n")
	cmd := exec.Command("go", "build", "-o", "program", "main.go")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=0", "GO111MODULE=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "program"))
	mactest.NoError(t, err)
	want := []probe.Arch{probe.AppleSilicon}
	if got, err := parseCode(bytes.NewReader(data), int64(len(data))); !slices.Equal(got.archs, want) || got.teamID != "" || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	// With a team, in the place of the hashes.
	at := bytes.LastIndex(data, bigEndian(codeDirectoryMagic))
	hashes := binary.BigEndian.Uint32(data[at+16:])
	copy(data[at+int(hashes):], testTeam+"\x00")
	binary.BigEndian.PutUint32(data[at+48:], hashes)
	if got, err := parseCode(bytes.NewReader(data), int64(len(data))); !slices.Equal(got.archs, want) || got.teamID != testTeam || err != nil {
		t.Errorf("with a team: %+v, %v", got, err)
	}
}

// What is in the place of an executable is read in time, and only beneath the Mac's root.
func TestReadCode(t *testing.T) {
	m := root.FS{Root: mactest.Root(t)}
	const folder = "/Library/Extensions/a.kext/Contents/MacOS/"
	file := mactest.AddFile(t, m.Root, folder+"a", string(executable(testTeam, probe.Intel)))
	mactest.NoError(t, syscall.Mkfifo(filepath.Dir(file)+"/pipe", 0o644))
	mactest.AddLink(t, m.Root, folder+"loop", "loop")
	mactest.AddLink(t, m.Root, folder+"away", "/Users/me/Desktop/a")
	mactest.AddFile(t, m.Root, "/Users/me/Desktop/a", string(executable(testTeam, probe.Intel)))
	c, stamp, err := readCode(m, folder+"a")
	if info, _ := m.Stat(folder + "a"); c.teamID != testTeam || err != nil || stamp != root.StampOf(info) {
		t.Errorf("%+v, %v, %v", c, stamp, err)
	}
	for _, name := range []string{"pipe", "loop", "away", "missing", "."} {
		if c, _, err := readCode(m, folder+name); c.archs != nil || err == nil {
			t.Errorf("%s: %+v, %v; want an error", name, c, err)
		}
	}
	if _, _, err := readCode(m, folder+"missing"); !root.NotExist(err) {
		t.Errorf("missing: %v, want %v", err, fs.ErrNotExist)
	}
}

func FuzzParseCode(f *testing.F) {
	seeds := hostileCode()
	for _, archs := range [][]probe.Arch{{probe.Intel}, {probe.AppleSilicon}, bothArchs} {
		for _, team := range []string{"", testTeam} {
			seeds[fmt.Sprint(archs, team)] = executable(team, archs...)
		}
	}
	for _, file := range seeds {
		f.Add(file)
	}
	hostile.Fuzz(f, func(t *testing.T, file []byte) {
		r := &countingReader{ReaderAt: bytes.NewReader(file)}
		c, err := parseCode(r, int64(len(file)))
		switch {
		case err != nil && (c.archs != nil || c.teamID != ""):
			t.Errorf("%+v together with %v", c, err)
		case err == nil && c.archs == nil:
			t.Error("neither processors nor an error")
		case len(c.archs) > 2 || !slices.IsSorted(c.archs):
			t.Errorf("processors %q", c.archs)
		case c.teamID != "" && (!probe.IsTeamID(c.teamID) || !bytes.Contains(file, []byte(c.teamID+"\x00"))):
			t.Errorf("team %q", c.teamID)
		}
		if most := sliceLimit * (loadCommandLimit + 1000); r.read > most {
			t.Errorf("%d bytes were read, at most %d", r.read, most)
		}
	})
}
