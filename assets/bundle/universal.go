package main

import (
	"bytes"
	"debug/macho"
	"encoding/binary"
	"fmt"
)

// A universal program begins with a table of its slices in big-endian words
// (mach-o/fat.h). Each slice starts at a multiple of 2^14, the page size of Apple
// silicon. The signatures of the slices stay valid.
const alignment = 14

// universal joins the programs for x86_64 and arm64 into one program.
func universal(paths []string) ([]byte, []slice, error) {
	slices := make([]slice, 0, len(paths))
	for _, path := range paths {
		s, err := readSlice(path)
		if err != nil {
			return nil, nil, err
		}
		if faults := s.faults(); len(faults) > 0 {
			return nil, nil, fmt.Errorf("%s: %s", path, faults[0])
		}
		slices = append(slices, s)
	}
	if len(slices) != 2 || slices[0].cpu != macho.CpuAmd64 || slices[1].cpu != macho.CpuArm64 {
		return nil, nil, fmt.Errorf("want a program for x86_64 and one for arm64, in this order, not %q", paths)
	}
	var b bytes.Buffer
	word := func(v uint32) { b.Write(binary.BigEndian.AppendUint32(nil, v)) }
	word(macho.MagicFat)
	word(uint32(len(slices)))
	end := uint32(0)
	starts := make([]uint32, len(slices))
	for i, s := range slices {
		starts[i] = roundUp(max(end, 1))
		end = starts[i] + uint32(len(s.data))
		word(uint32(s.cpu))
		word(binary.LittleEndian.Uint32(s.data[8:])) // the kind of this processor, from the slice's header
		word(starts[i])
		word(uint32(len(s.data)))
		word(alignment)
	}
	for i, s := range slices {
		b.Write(make([]byte, int(starts[i])-b.Len()))
		b.Write(s.data)
	}
	return b.Bytes(), slices, nil
}

func roundUp(n uint32) uint32 { return (n + 1<<alignment - 1) >> alignment << alignment }
