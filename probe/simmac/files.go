package simmac

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"howett.net/plist"
)

// at turns a path of the Mac into one of this machine.
func (m *Mac) at(name string) string { return filepath.Join(m.dir, name) }

// write replaces a file of the Mac in one step, so that nobody reads half of
// it, and makes the directories above it.
func (m *Mac) write(name string, data []byte, perm fs.FileMode) error {
	path := m.at(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(temp, data, perm); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// writePlist writes a property list: plist.XMLFormat or plist.BinaryFormat.
func (m *Mac) writePlist(name string, value any, format int) error {
	data, err := plist.MarshalIndent(value, format, "\t")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return m.write(name, data, 0o644)
}

func (m *Mac) readPlist(name string, value any) error {
	data, err := os.ReadFile(m.at(name))
	if err != nil {
		return err
	}
	if _, err := plist.Unmarshal(data, value); err != nil {
		return fmt.Errorf("decoding %s: %w", name, err)
	}
	return nil
}
