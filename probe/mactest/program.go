package mactest

import "os"

// The go command puts the build information of a program between these bytes.
const (
	moduleInfoStart = "\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6"
	moduleInfoEnd   = "\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2"
)

// WriteProgram writes a file with only the build information of a package. A real program
// would need a compiler.
func WriteProgram(file, pkg string) error {
	return os.WriteFile(file, []byte(moduleInfoStart+"path\t"+pkg+"\nmod\tkextwatch\t(devel)\t\n"+moduleInfoEnd), 0o755)
}
