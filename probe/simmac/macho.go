package simmac

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"kextwatch/probe"
)

// The parts of a Mach-O file that Executable writes (<mach-o/loader.h>, <mach-o/fat.h>,
// and cs_blobs.h of XNU).
const (
	machMagic   = 0xfeedfacf
	fatMagic    = 0xcafebabe
	kextBundle  = 11 // file type
	uuidCommand = 0x1b
	signCommand = 0x1d

	superBlob     = 0xfade0cc0
	codeDirectory = 0xfade0c02
	versionTeam   = 0x20200 // of the code directory: it names a team

	slicePage = 4096 // slices of a universal file begin at multiples of it
)

// processors are the type and subtype of the processor of a slice. Kexts for Apple
// silicon are arm64e.
var processors = []struct {
	arch          probe.Arch
	kind, subtype uint32
}{
	{probe.Intel, 0x01000007, 3},
	{probe.AppleSilicon, 0x0100000c, 0x80000002},
}

// Executable returns the executable of a kext, without code: a Mach-O file with a slice
// for each of these processors, and a signature that names the team. Without a team it has
// no signature. The signature proves nothing; nothing in a simulated Mac checks it.
func Executable(id, version, team string, archs ...probe.Arch) []byte {
	type part struct {
		kind, subtype uint32
		data          []byte
	}
	var parts []part
	for _, p := range processors {
		if slices.Contains(archs, p.arch) {
			parts = append(parts, part{p.kind, p.subtype, machSlice(id, version, team, p.kind, p.subtype)})
		}
	}
	if len(parts) == 1 {
		return parts[0].data
	}
	file := binary.BigEndian.AppendUint32(nil, fatMagic)
	file = binary.BigEndian.AppendUint32(file, uint32(len(parts)))
	offset := slicePage
	for _, p := range parts {
		for _, n := range []uint32{p.kind, p.subtype, uint32(offset), uint32(len(p.data)), 12} { // 1<<12 is slicePage
			file = binary.BigEndian.AppendUint32(file, n)
		}
		offset += (len(p.data) + slicePage - 1) / slicePage * slicePage
	}
	for _, p := range parts {
		file = append(file, make([]byte, -len(file)&(slicePage-1))...)
		file = append(file, p.data...)
	}
	return file
}

func machSlice(id, version, team string, kind, subtype uint32) []byte {
	const header, uuidSize, signSize = 32, 24, 16
	commands := littleEndian(uuidCommand, uuidSize)
	sum := sha256.Sum256([]byte(id + version))
	commands = append(commands, sum[:16]...)
	count := 1
	var signed []byte
	if team != "" {
		signed = signature(id, team)
		count++
		commands = append(commands, littleEndian(signCommand, signSize, header+uuidSize+signSize, uint32(len(signed)))...)
	}
	file := littleEndian(machMagic, kind, subtype, kextBundle, uint32(count), uint32(len(commands)), 0, 0)
	return slices.Concat(file, commands, signed)
}

// signature returns a signature with one part, which describes the code.
func signature(id, team string) []byte {
	const header, hash = 52, 32
	names := id + "\x00" + team + "\x00"
	var directory bytes.Buffer
	for _, n := range []uint32{
		codeDirectory, uint32(header + len(names) + hash), versionTeam, 0,
		uint32(header + len(names)), header, 0, 1, // hashes, name; no special hash, one of the code
		0, hash<<24 | 2<<16 | 12, 0, 0, uint32(header + len(id) + 1), // no code; SHA-256, pages of 4096 bytes; the team
	} {
		binary.Write(&directory, binary.BigEndian, n)
	}
	directory.WriteString(names)
	directory.Write(make([]byte, hash))
	var blob []byte
	for _, n := range []uint32{superBlob, uint32(20 + directory.Len()), 1, 0, 20} {
		blob = binary.BigEndian.AppendUint32(blob, n)
	}
	return append(blob, directory.Bytes()...)
}

func littleEndian(numbers ...uint32) []byte {
	var data []byte
	for _, n := range numbers {
		data = binary.LittleEndian.AppendUint32(data, n)
	}
	return data
}
