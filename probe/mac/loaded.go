package mac

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const loadedLimit = 4096 // kexts; a Mac has a few hundred

// loadedForm matches a row of kextstat and kmutil:
//
//	26    1 0xffffff7f84210000 0x27000    0x27000    com.example.x (1.0) UUID <5 4 3 1>
//
// Addresses are 0 unless root asks. Versions may have spaces. The expression does not
// limit the lengths; see probe.IsBundleID.
var loadedForm = probe.Form{Expr: `^\s*[0-9]+\s+[0-9]+\s+(?:0x)?[0-9a-fA-F]+\s+(?:0x)?[0-9a-fA-F]+\s+(?:0x)?[0-9a-fA-F]+\s+([0-9A-Za-z._+-]+) \(([0-9A-Za-z ._+-]+)\)`}

// ReadLoaded queries which kexts the kernel has loaded. macOS 11 introduced
// kmutil; kextstat calls it since then. If one tool is missing, the other one is
// used. The error is that of the tool, or says that no row can be read.
func ReadLoaded(ctx context.Context, m root.FS, os probe.OSVersion) (probe.Loaded, error) {
	kmutil := []string{probe.KmutilTool, "showloaded", "--list-only"}
	kextstat := []string{probe.KextstatTool, "-l"}
	first, second := kextstat, kmutil
	if os.AtLeast(11, 0) {
		first, second = kmutil, kextstat
	}
	out, err := tool.Query(ctx, m, first[0], first[1:]...)
	if errors.Is(err, fs.ErrNotExist) {
		out, err = tool.Query(ctx, m, second[0], second[1:]...)
	}
	if err != nil {
		return probe.Loaded{}, err
	}
	return parseLoaded(out)
}

// parseLoaded reads the rows of the list and skips all other lines. Every kernel
// has loaded kexts, so a list without rows is an error.
func parseLoaded(out []byte) (probe.Loaded, error) {
	var kexts []probe.LoadedKext
	for line := range bytes.Lines(out) {
		row := loadedForm.FindSubmatch(line)
		if row == nil {
			continue
		}
		kext := probe.LoadedKext{BundleID: string(row[1]), Version: string(row[2])}
		if !probe.IsBundleID(kext.BundleID) || len(kext.Version) > versionLimit {
			continue
		}
		if len(kexts) == loadedLimit {
			return probe.Loaded{}, fmt.Errorf("the list of loaded kernel extensions has more than %d rows", loadedLimit)
		}
		kexts = append(kexts, kext)
	}
	if len(kexts) == 0 {
		return probe.Loaded{}, errors.New("the list of loaded kernel extensions has no valid row")
	}
	return probe.Loaded{Known: true, Kexts: kexts}, nil
}
