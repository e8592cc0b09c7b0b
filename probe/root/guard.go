package root

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"kextwatch/probe"
)

// Owner returns the owner of Root: root on a Mac, the user who created it for a
// simulated Mac.
func (m FS) Owner() (uid int, err error) {
	info, err := os.Stat(m.Root)
	if err != nil {
		return 0, err
	}
	return ownerOf(info), nil
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// Guarded returns an error if a user other than the owner of Root could change
// the file at a path of the Mac, or could make the path lead elsewhere. A
// missing file is not an error. An *Untrusted error says what to do.
//
// It checks every folder from Root down. After a successful check, no other
// user can replace the file.
func (m FS) Guarded(name string) error {
	owner, err := m.Owner()
	if err != nil {
		return err
	}
	if _, err := (Trust{Owners: []int{owner}}).Walk(m.Root, name); !NotExist(err) {
		return err
	}
	return nil
}

// OwnFolder returns the path on this machine of a folder of the Mac that belongs to a
// user, while the folders above it belong to the owner of Root. Then only these two can
// decide what is written there. The error is fs.ErrNotExist if there is no such folder,
// and an *Untrusted if another user could change the folder or lead its path elsewhere.
func (m FS) OwnFolder(name string, uid int) (string, error) {
	owner, err := m.Owner()
	if err != nil {
		return "", err
	}
	if _, err := (Trust{Owners: []int{owner}}).Walk(m.Root, path.Dir(path.Clean("/"+name))); err != nil {
		return "", err
	}
	p := filepath.Join(m.Root, name)
	info, err := os.Lstat(p)
	if err != nil {
		return "", err
	}
	if !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
		return "", &Untrusted{p + " is not a folder", "move it away"}
	}
	return p, Trust{Owners: []int{uid}}.entry(p, info, true)
}

// Trust is a rule about who may change a file. It refuses a symbolic link, a
// file or folder of a user who is not among Owners, and one to which its group
// or others may write. It does not check access control lists: stat does not
// show them.
type Trust struct {
	Owners []int // uids

	// Admins allows the group of the administrators to write, as to
	// /Applications.
	Admins bool
	// Sticky allows folders such as /tmp on the way. Everyone may write to
	// them, but nobody may replace another user's files in them. The file
	// itself must not lie directly in one, because anyone may add files there.
	Sticky bool
}

// Walk checks every part of name beneath root, beginning with root itself, and
// returns the file info of the last part. root may be a link. It returns an
// *Untrusted error for a part that the rule refuses.
func (t Trust) Walk(root, name string) (fs.FileInfo, error) {
	name = path.Clean("/" + name)
	var info fs.FileInfo
	for at := range prefixes(name) {
		p := filepath.Join(root, at)
		var err error
		if at == "/" {
			info, err = os.Stat(p)
		} else {
			info, err = os.Lstat(p)
		}
		if err != nil {
			return nil, err
		}
		passing := t
		passing.Sticky = t.Sticky && at != name && at != path.Dir(name)
		if err := passing.entry(p, info, at == name); err != nil {
			return nil, err
		}
	}
	return info, nil
}

// ReadFile reads a regular file of this machine of at most limit bytes, and
// returns the uid of its owner. It opens the file once, so the file that was
// checked is the file that is read. It returns an *Untrusted error for a file
// that the rule refuses, and ErrTooLarge.
func (t Trust) ReadFile(name string, limit int64) (data []byte, owner int, err error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, 0, &Untrusted{What: name + " is a symbolic link"}
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !opened.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", name)
	}
	there, err := t.Walk("/", name)
	if err != nil {
		return nil, 0, err
	}
	if !os.SameFile(opened, there) {
		return nil, 0, &Untrusted{What: name + " was replaced while it was read"}
	}
	data, err = readOpened(f, limit)
	return data, ownerOf(opened), err
}

// prefixes yields "/", "/a" and "/a/b" for "/a/b".
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

// Untrusted is the error for a file that another user may change.
type Untrusted struct {
	What string // what is wrong, with the path
	Next string // what to do if the file must belong to root; may be empty
}

// Error returns What and Next.
func (u *Untrusted) Error() string {
	if u.Next == "" {
		return u.What
	}
	return u.What + ": " + u.Next
}

const (
	groupWrite  fs.FileMode = 0o020
	othersWrite fs.FileMode = 0o002
)

// entry checks the file at the path p of this machine. For a bad file, the
// advice is never to give it to root: root would then trust what another user
// wrote.
func (t Trust) entry(p string, info fs.FileInfo, last bool) error {
	remove := "move it away, or run sudo rm " + probe.ShellWord(p)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return &Untrusted{p + " is a symbolic link", remove}
	case !last && !info.IsDir():
		return &Untrusted{p + " is not a folder", remove}
	case !slices.Contains(t.Owners, ownerOf(info)):
		what := fmt.Sprintf("%s belongs to uid %d instead of %s", p, ownerOf(info), t.owners())
		if info.IsDir() {
			return &Untrusted{what, fmt.Sprintf("run sudo chown %d %s", t.Owners[0], probe.ShellWord(p))}
		}
		return &Untrusted{what, remove}
	case t.othersMayWrite(info) && info.IsDir():
		return &Untrusted{"users other than its owner can write to " + p, "run sudo chmod go-w " + probe.ShellWord(p)}
	case t.othersMayWrite(info):
		return &Untrusted{"users other than its owner can write to " + p, remove}
	}
	return nil
}

func (t Trust) othersMayWrite(info fs.FileInfo) bool {
	mode := info.Mode()
	switch {
	case mode.IsDir() && mode&fs.ModeSticky != 0 && t.Sticky:
		return false
	case mode&othersWrite != 0:
		return true
	}
	admins := t.Admins && info.Sys().(*syscall.Stat_t).Gid == AdminGroup
	return mode&groupWrite != 0 && !admins
}

func (t Trust) owners() string {
	var uids []string
	for _, uid := range slices.Compact(slices.Clone(t.Owners)) {
		uids = append(uids, strconv.Itoa(uid))
	}
	return strings.Join(uids, " or ")
}

// ReadGuarded reads the first limit bytes of a regular file of the Mac, and
// returns its file info. It follows no link. It returns an *Untrusted error if
// a user other than the owner of Root may have written the file.
func (m FS) ReadGuarded(name string, limit int64) ([]byte, fs.FileInfo, error) {
	if err := m.Guarded(name); err != nil {
		return nil, nil, err
	}
	p := filepath.Join(m.Root, name)
	f, err := os.OpenFile(p, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, &Untrusted{p + " is not a file", "move it away"}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit))
	return data, info, err
}

// AdminGroup is the gid of the group "admin" on every Mac.
const AdminGroup = 80
