package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// arguments returns the arguments of the command line. If the Finder opened the app
// that contains this program, it returns "run": a user who opens an app expects its
// icon. The Finder passes no argument (-psn_… on some versions of macOS), and
// standard input is /dev/null.
func arguments(args []string, program string, stdin io.Reader) []string {
	inApp := strings.HasSuffix(filepath.Dir(program), ".app/Contents/MacOS")
	if inApp && (len(args) == 0 && isNull(stdin) || len(args) == 1 && strings.HasPrefix(args[0], "-psn_")) {
		return []string{"run"}
	}
	return args
}

func isNull(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}
