package mactest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"strings"
)

// WriteProgram writes an ELF file with only the build information of a package. A real
// program would need a compiler.
func WriteProgram(file, pkg string) error {
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
