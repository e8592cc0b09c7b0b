package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// ordinaryCommand: ordinary MAC COMMAND… runs a command as a user who may not
// read the policy database of a simulated Mac. Permissions do not apply to root, who
// therefore becomes another user. Any other user closes the file during the command.
func ordinaryCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: ordinary MAC COMMAND…")
	}
	command := args[1:]
	if os.Geteuid() == 0 {
		program, err := exec.LookPath("kextwatch")
		ts.Check(err)
		for _, path := range []string{filepath.Dir(program), ts.MkAbs(".")} {
			for ; path != filepath.Clean(os.TempDir()) && path != "/"; path = filepath.Dir(path) {
				ts.Check(os.Chmod(path, 0o755)) // temporary folders keep other users out
			}
		}
		ts.Check(os.Chmod(ts.Getenv("TMPDIR"), 0o777))
		command = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, command...)
	} else {
		file := filepath.Join(ts.MkAbs(args[0]), "private/var/db/SystemPolicyConfiguration/KextPolicy")
		ts.Check(os.Chmod(file, 0))
		defer os.Chmod(file, 0o600)
	}
	err := ts.Exec(command[0], command[1:]...)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if (err != nil) != neg {
		ts.Fatalf("it ended with: %v", err)
	}
}

// readerCommand: reader FILE makes a program that is accepted as kextwatch-reader.
func readerCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: reader FILE")
	}
	ts.Check(makeProgram(ts.MkAbs(args[0]), readerPackage))
}

// makeProgram writes an ELF file with only the build information of a package. A real
// program would need a compiler.
func makeProgram(file, pkg string) error {
	text := func(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }
	mark := strings.Repeat("-", 16) // around the modules
	info := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	info = append(info, text("go1.26")...)
	info = append(info, text(mark+"path\t"+pkg+"\nmod\tkextwatch\t(devel)\t\n"+mark)...)
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	segment := elf.Prog64{
		Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_W), Off: 128, Vaddr: 1 << 20,
		Filesz: uint64(len(info)), Memsz: uint64(len(info)),
	}
	var b bytes.Buffer
	for _, part := range []any{header, segment, make([]byte, 8), info} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	return os.WriteFile(file, b.Bytes(), 0o755)
}
