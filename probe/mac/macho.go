package mac

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

// Limits of an executable that is read. Kexts have one or two slices, a few KB of load
// commands, and at most some MB of code.
const (
	codeSizeLimit    = 64 << 20 // bytes of the file; it is not read whole
	sliceLimit       = 8        // of a universal file
	loadCommandLimit = 64 << 10 // bytes of the load commands of one slice
	blobLimit        = 64       // parts of one signature
)

// code holds what the executable of a kext says about itself. Nothing verifies it: a
// program can write any team into a file. The zero value means that nothing is known.
type code struct {
	archs  []probe.Arch // sorted; not nil and empty: it has code for other processors only
	teamID string       // that its signature names; empty: unsigned, or not known
}

// readCode reads an executable at a path of the Mac. stamp is that of the file that was
// read. The error is that of the file; a file that is not a Mach-O is no error.
func readCode(m root.FS, name string) (c code, stamp root.Stamp, err error) {
	type answer struct {
		code
		root.Stamp
	}
	a, err := root.At(m, name, func(p string) (answer, error) {
		f, err := root.OpenRegular(p)
		if err != nil {
			return answer{}, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return answer{}, err
		}
		c, err := parseCode(f, info.Size())
		if _, failed := errors.AsType[*os.PathError](err); failed {
			return answer{}, err
		}
		return answer{c, root.StampOf(info)}, nil
	})
	return a.code, a.Stamp, err
}

var errNotCode = errors.New("is not a valid Mach-O file")

// parseCode reads a Mach-O file with one slice or several (<mach-o/loader.h>,
// <mach-o/fat.h>). It reads only the headers, the load commands and the start of each
// signature. debug/macho is used for its constants: its NewFile reads all symbols, and
// fails if they are damaged.
//
// The team is empty if the slices for these processors name different ones.
func parseCode(file io.ReaderAt, size int64) (code, error) {
	if size > codeSizeLimit {
		return code{}, errNotCode
	}
	parts, err := parseSlices(io.NewSectionReader(file, 0, size))
	if err != nil {
		return code{}, err
	}
	c := code{archs: []probe.Arch{}}
	var teams []string
	for _, s := range parts {
		arch := s.arch()
		if arch == "" {
			continue
		}
		c.archs = append(c.archs, arch)
		team, err := s.team()
		if err != nil {
			return code{}, err
		}
		teams = append(teams, team)
	}
	slices.Sort(c.archs)
	c.archs = slices.Compact(c.archs)
	if teams = slices.Compact(teams); len(teams) == 1 {
		c.teamID = teams[0]
	}
	return c, nil
}

// slice is the part of an executable for one processor.
type slice struct {
	*io.SectionReader
	cpu      macho.Cpu
	commands int64  // where the load commands begin
	count    uint32 // of the load commands
	length   uint32 // of the load commands, in bytes
}

// arch returns the processor of a slice; empty for one that no kext of macOS 10.13 or
// later can use.
func (s slice) arch() probe.Arch {
	switch s.cpu {
	case macho.CpuAmd64:
		return probe.Intel
	case macho.CpuArm64: // arm64e, too: it is a subtype
		return probe.AppleSilicon
	}
	return ""
}

// parseSlices returns the slices of a file.
func parseSlices(file *io.SectionReader) ([]slice, error) {
	header, err := readAt(file, 0, 8)
	if err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint32(header) != macho.MagicFat {
		s, err := parseSlice(file)
		return []slice{s}, err
	}
	count := binary.BigEndian.Uint32(header[4:])
	if count == 0 || count > sliceLimit { // a Java class has the same magic number, and a larger number here
		return nil, errNotCode
	}
	const entry = 20 // processor, its subtype, offset, size, alignment
	table, err := readAt(file, 8, int64(count)*entry)
	if err != nil {
		return nil, err
	}
	var all []slice
	for row := range slices.Chunk(table, entry) {
		offset, size := int64(binary.BigEndian.Uint32(row[8:])), int64(binary.BigEndian.Uint32(row[12:]))
		if offset+size > file.Size() {
			return nil, errNotCode
		}
		s, err := parseSlice(io.NewSectionReader(file, offset, size))
		if err != nil {
			return nil, err
		}
		if s.cpu != macho.Cpu(binary.BigEndian.Uint32(row)) {
			return nil, errNotCode
		}
		all = append(all, s)
	}
	return all, nil
}

// parseSlice reads the header of a slice. Those of PowerPC are big-endian, and nothing
// else of them is read.
func parseSlice(file *io.SectionReader) (slice, error) {
	header, err := readAt(file, 0, 28)
	if err != nil {
		return slice{}, err
	}
	s := slice{SectionReader: file, commands: 28}
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case order.Uint32(header) == macho.Magic64:
		s.commands = 32
	case order.Uint32(header) == macho.Magic32:
	case binary.BigEndian.Uint32(header) == macho.Magic32, binary.BigEndian.Uint32(header) == macho.Magic64:
		s.cpu = macho.Cpu(binary.BigEndian.Uint32(header[4:]))
		return s, nil
	default:
		return slice{}, errNotCode
	}
	s.cpu = macho.Cpu(order.Uint32(header[4:]))
	s.count, s.length = order.Uint32(header[16:]), order.Uint32(header[20:])
	return s, nil
}

// codeSignature is the load command that says where the signature is.
const codeSignature = 0x1d

// team returns the team that the signature of a slice names. It is empty for a slice
// without a signature, or with one of another form.
func (s slice) team() (string, error) {
	const smallest = 8 // bytes of a command
	if s.length > loadCommandLimit || s.count > s.length/smallest {
		return "", errNotCode
	}
	commands, err := readAt(s.SectionReader, s.commands, int64(s.length))
	if err != nil {
		return "", err
	}
	for range s.count {
		if len(commands) < smallest {
			return "", errNotCode
		}
		kind, size := binary.LittleEndian.Uint32(commands), binary.LittleEndian.Uint32(commands[4:])
		if size < smallest || int64(size) > int64(len(commands)) {
			return "", errNotCode
		}
		if kind == codeSignature && size >= 16 {
			offset, length := int64(binary.LittleEndian.Uint32(commands[8:])), int64(binary.LittleEndian.Uint32(commands[12:]))
			return signedTeam(io.NewSectionReader(s, offset, length))
		}
		commands = commands[size:]
	}
	return "", nil
}

// The signature is a list of parts, the first of which describes the code
// (cs_blobs.h of XNU). All its numbers are big-endian.
const (
	superBlobMagic     = 0xfade0cc0
	codeDirectoryMagic = 0xfade0c02
	codeDirectorySlot  = 0
	versionWithTeam    = 0x20200
	directoryHeader    = 52 // bytes up to the offset of the team
)

// signedTeam returns the team that a signature names. It is empty if it names none, or
// has another form.
func signedTeam(signature *io.SectionReader) (string, error) {
	header, err := readAt(signature, 0, 12)
	if errors.Is(err, errNotCode) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	count := binary.BigEndian.Uint32(header[8:])
	if binary.BigEndian.Uint32(header) != superBlobMagic || count > blobLimit {
		return "", nil
	}
	parts, err := readAt(signature, 12, int64(count)*8)
	if errors.Is(err, errNotCode) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for part := range slices.Chunk(parts, 8) {
		if binary.BigEndian.Uint32(part) == codeDirectorySlot {
			offset := int64(binary.BigEndian.Uint32(part[4:]))
			team, err := directoryTeam(io.NewSectionReader(signature, offset, max(0, signature.Size()-offset)))
			if errors.Is(err, errNotCode) {
				return "", nil
			}
			return team, err
		}
	}
	return "", nil
}

// directoryTeam returns the team in the part of a signature that describes the code. It
// returns errNotCode for another part, and for a team outside of it.
func directoryTeam(directory *io.SectionReader) (string, error) {
	header, err := readAt(directory, 0, directoryHeader)
	if err != nil {
		return "", err
	}
	length, offset := int64(binary.BigEndian.Uint32(header[4:])), int64(binary.BigEndian.Uint32(header[48:]))
	const most = 10 + 1 // a team has ten characters; a zero byte ends it
	switch {
	case binary.BigEndian.Uint32(header) != codeDirectoryMagic || length > directory.Size():
		return "", errNotCode
	case binary.BigEndian.Uint32(header[8:]) < versionWithTeam || offset == 0:
		return "", nil
	case offset < directoryHeader || offset > length-most:
		return "", errNotCode
	}
	text, err := readAt(directory, offset, most)
	if err != nil {
		return "", err
	}
	team, _, ended := bytes.Cut(text, []byte{0})
	if !ended || !probe.IsTeamID(string(team)) {
		return "", nil
	}
	return string(team), nil
}

// readAt reads exactly so many bytes. It returns errNotCode if the file ends before.
func readAt(file *io.SectionReader, offset, length int64) ([]byte, error) {
	if offset < 0 || offset > file.Size() || length > file.Size()-offset {
		return nil, errNotCode
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(io.NewSectionReader(file, offset, length), data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // it became shorter meanwhile
			return nil, errNotCode
		}
		return nil, err
	}
	return data, nil
}
