package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"howett.net/plist"

	"kextwatch/probe/root"
)

// resolve returns the path on this machine of a path of the Mac. Links are
// followed beneath the Mac's root, absolute links too, so that no method reads
// or writes outside of the simulated Mac.
func (m *Mac) resolve(name string) (string, error) { return root.FS{Root: m.dir}.Resolve(name) }

// entry is resolve for a directory entry that is created, replaced, moved or
// removed: a link at the end of name is not followed.
func (m *Mac) entry(name string) (string, error) {
	dir, err := m.resolve(path.Dir(name))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, path.Base(name)), nil
}

func (m *Mac) stat(name string) (fs.FileInfo, error) {
	file, err := m.resolve(name)
	if err != nil {
		return nil, err
	}
	return os.Stat(file)
}

func (m *Mac) readFile(name string) ([]byte, error) {
	file, err := m.resolve(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

func (m *Mac) mkdirAll(name string) error {
	file, err := m.resolve(name)
	if err != nil {
		return err
	}
	return os.MkdirAll(file, 0o755)
}

// symlink makes name a link to target, which is kept as it is written.
func (m *Mac) symlink(target, name string) error {
	file, err := m.entry(name)
	if err != nil {
		return err
	}
	return os.Symlink(target, file)
}

func (m *Mac) rename(from, to string) error {
	fromPath, err := m.entry(from)
	if err != nil {
		return err
	}
	toPath, err := m.entry(to)
	if err != nil {
		return err
	}
	return os.Rename(fromPath, toPath)
}

// remove removes a file. A missing file is no error.
func (m *Mac) remove(name string) error {
	file, err := m.entry(name)
	if err != nil {
		return err
	}
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (m *Mac) removeAll(name string) error {
	file, err := m.entry(name)
	if err != nil {
		return err
	}
	return os.RemoveAll(file)
}

// write replaces a file of the Mac in one step, so that a reader never sees a
// half-written file. It creates missing parent directories.
func (m *Mac) write(name string, data []byte, perm fs.FileMode) error {
	file, err := m.entry(name)
	if err != nil {
		return err
	}
	return replaceFile(file, data, perm)
}

// replaceFile is write for a path of this machine.
func replaceFile(file string, data []byte, perm fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".new")
	if err := os.WriteFile(temp, data, perm); err != nil {
		return err
	}
	return os.Rename(temp, file)
}

// writePlist writes a property list. format is plist.XMLFormat or
// plist.BinaryFormat.
func (m *Mac) writePlist(name string, value any, format int) error {
	data, err := plist.MarshalIndent(value, format, "\t")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	return m.write(name, data, 0o644)
}

func (m *Mac) readPlist(name string, value any) error {
	data, err := m.readFile(name)
	if err != nil {
		return err
	}
	if _, err := plist.Unmarshal(data, value); err != nil {
		return fmt.Errorf("decoding %s: %w", name, err)
	}
	return nil
}
