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
)

// Owner is the user whose Mac this is: root on a Mac, whoever made it for a
// directory that passes for one.
func (m FS) Owner() (uid int, err error) {
	info, err := os.Stat(m.Root)
	if err != nil {
		return 0, err
	}
	return ownerOf(info), nil
}

func ownerOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

// Guarded is an error where somebody besides the owner of Root could change
// what lies at a path of the Mac, or where the path could lead elsewhere. What
// is not there yet is fine. The error says what to do.
//
// The path is looked at from Root on. So nobody else can put another thing in
// the place of what was found good.
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

// Trust is who may decide what lies at a place: its owners, and nobody else.
// A place is refused where a link leads on, where something belongs to another
// user, or where the group or others may write. Access control lists are not
// seen: stat does not show them.
type Trust struct {
	Owners []int // uids

	// Admins may write to it as a group, as to /Applications.
	Admins bool
	// Sticky folders such as /tmp, to which everybody may write, are passed
	// on the way, because nobody may replace what an owner has in them. They
	// must not hold the place itself, since anybody may add to them.
	Sticky bool
}

// Walk looks at every part of name beneath root, from root on, and returns what
// lies at its end. root itself may be named by a link. What must not be trusted
// is an *Untrusted.
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

// ReadFile reads a regular file of this machine, of at most limit bytes, and
// returns who owns it. The file is opened once, so that what was judged is what
// is read.
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

// Untrusted is a place that somebody else may change.
type Untrusted struct {
	What string // what is wrong, with the path
	Next string // the way out where the place is to be root's own; may be empty
}

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

// entry judges what lies at the place p of this machine. What is wrong with a
// file is never mended by giving it to root: root would then trust what
// somebody else wrote.
func (t Trust) entry(p string, info fs.FileInfo, last bool) error {
	remove := fmt.Sprintf("move it away, or run sudo rm %q", p)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return &Untrusted{p + " is a symbolic link", remove}
	case !last && !info.IsDir():
		return &Untrusted{p + " is not a folder", remove}
	case !slices.Contains(t.Owners, ownerOf(info)):
		what := fmt.Sprintf("%s belongs to uid %d instead of %s", p, ownerOf(info), t.owners())
		if info.IsDir() {
			return &Untrusted{what, fmt.Sprintf("run sudo chown %d %q", t.Owners[0], p)}
		}
		return &Untrusted{what, remove}
	case t.othersMayWrite(info) && info.IsDir():
		return &Untrusted{"others than its owner may write to " + p, fmt.Sprintf("run sudo chmod go-w %q", p)}
	case t.othersMayWrite(info):
		return &Untrusted{"others than its owner may write to " + p, remove}
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

// ReadGuarded reads at most limit bytes of a file of the Mac that nobody but
// the owner of Root can have written, and follows no link.
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

// AdminGroup is the group of the administrators on every Mac.
const AdminGroup = 80
