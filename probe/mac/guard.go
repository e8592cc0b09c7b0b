package mac

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Owner is the user whose Mac this is: root on a Mac, whoever made it for a
// directory that passes for one.
func (m Mac) Owner() (uid int, err error) {
	info, err := os.Stat(m.Root)
	if err != nil {
		return 0, err
	}
	return ownerOf(info), nil
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// Guarded is an error where somebody besides the owner of Root could change
// what lies at a path of the Mac, or where the path could lead elsewhere: a
// link on the way, a foreign owner, a group or others that may write. What is
// not there yet is fine. The error says what to do. Access control lists are
// not seen: stat does not show them.
//
// The path is looked at from Root on. So nobody else can put another thing in
// the place of what was found good.
func (m Mac) Guarded(name string) error {
	owner, err := m.Owner()
	if err != nil {
		return err
	}
	name = path.Clean("/" + name)
	for at := range prefixes(name) {
		info, err := m.lstat(at)
		if absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := guardedEntry(filepath.Join(m.Root, at), info, owner, at == name); err != nil {
			return err
		}
	}
	return nil
}

// lstat does not follow a link, except where Root itself is named by one.
func (m Mac) lstat(name string) (fs.FileInfo, error) {
	if name == "/" {
		return os.Stat(m.Root)
	}
	return os.Lstat(filepath.Join(m.Root, name))
}

// prefixes are "/", "/a" and "/a/b" of "/a/b".
func prefixes(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield("/") || name == "/" {
			return
		}
		at := ""
		for part := range strings.SplitSeq(name[1:], "/") {
			if at += "/" + part; !yield(at) {
				return
			}
		}
	}
}

// unguarded is a place that somebody else may change, and the way out.
type unguarded struct{ what, next string }

func (u unguarded) Error() string { return u.what + ": " + u.next }

// othersWrite are the permissions that let others than the owner write.
const othersWrite fs.FileMode = 0o022

// guardedEntry judges what lies at the place p of this machine. What is wrong
// with a file is never mended by giving it to root: root would then trust what
// somebody else wrote.
func guardedEntry(p string, info fs.FileInfo, owner int, last bool) error {
	remove := fmt.Sprintf("move it away, or run sudo rm %q", p)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return unguarded{p + " is a symbolic link", remove}
	case !last && !info.IsDir():
		return unguarded{p + " is not a folder", remove}
	case ownerOf(info) != owner && info.IsDir():
		return unguarded{
			fmt.Sprintf("%s belongs to uid %d instead of %d", p, ownerOf(info), owner),
			fmt.Sprintf("run sudo chown %d %q", owner, p),
		}
	case ownerOf(info) != owner:
		return unguarded{fmt.Sprintf("%s belongs to uid %d instead of %d", p, ownerOf(info), owner), remove}
	case info.Mode()&othersWrite != 0 && info.IsDir():
		return unguarded{"others than its owner may write to " + p, fmt.Sprintf("run sudo chmod go-w %q", p)}
	case info.Mode()&othersWrite != 0:
		return unguarded{"others than its owner may write to " + p, remove}
	}
	return nil
}
