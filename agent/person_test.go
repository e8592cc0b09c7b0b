package main

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"kextwatch/probe"
)

// Root reads the home of the user at the screen. A user who is not there never takes
// the place of one who is.
func TestChoosePerson(t *testing.T) {
	me, anna := probe.Home{Name: "me", UID: 501, Ordinary: true}, probe.Home{Name: "anna", UID: 502, Ordinary: true}
	guest := probe.Home{Name: "Guest", UID: 201}
	unread := errors.New("cannot be read")
	for _, tt := range []struct {
		name   string
		people probe.People
		want   probe.Person
		err    string
	}{
		{"the one at the screen", probe.People{ConsoleUID: 502, LastName: "anna", Homes: []probe.Home{anna, me}}, probe.Person{Name: "anna", By: probe.AtScreen}, ""},
		{"after fast user switching, the saved name may be old", probe.People{ConsoleUID: 501, LastName: "anna", Homes: []probe.Home{anna, me}}, probe.Person{Name: "me", By: probe.AtScreen}, ""},
		{"a folder with another name than the user", probe.People{ConsoleUID: 501, LastName: "renamed", Homes: []probe.Home{anna, me}}, probe.Person{Name: "me", By: probe.AtScreen}, ""},
		{"a guest at the screen", probe.People{ConsoleUID: 201, LastName: "Guest", Homes: []probe.Home{guest, me}}, probe.Person{Name: "Guest", By: probe.AtScreen}, ""},
		{"two folders of the one at the screen", probe.People{ConsoleUID: 501, LastName: "me", Homes: []probe.Home{{Name: "backup", UID: 501, Ordinary: true}, me}}, probe.Person{Name: "me", By: probe.AtScreen}, ""},
		{"two folders, and no saved name tells which", probe.People{ConsoleUID: 501, LastName: "anna", Homes: []probe.Home{{Name: "backup", UID: 501, Ordinary: true}, me, anna}}, probe.Person{}, "2 home folders in /Users belong to the user at the screen, uid 501"},
		{"the home of the one at the screen is on a server", probe.People{ConsoleUID: 1042, LastName: "me", Homes: []probe.Home{anna, me}}, probe.Person{}, "no home folder in /Users belongs to the user at the screen, uid 1042"},
		{"and /Users was read in part", probe.People{ConsoleUID: 1042, Homes: []probe.Home{me}, HomesErr: unread}, probe.Person{}, "cannot be read"},
		{"nobody tells who is at the screen", probe.People{ConsoleUID: -1, ConsoleErr: unread, LastName: "me", Homes: []probe.Home{me}}, probe.Person{}, "cannot tell who is at the screen: cannot be read"},

		{"the login window", probe.People{LastName: "anna", Homes: []probe.Home{anna, me}}, probe.Person{Name: "anna", By: probe.LastUser}, ""},
		{"the login window, a guest was there last", probe.People{LastName: "Guest", Homes: []probe.Home{guest, me, anna}}, probe.Person{}, "has no home folder in /Users"},
		{"the login window, the home is on a server", probe.People{LastName: "net", Homes: []probe.Home{me}}, probe.Person{}, "has no home folder in /Users"},
		{"the login window, a name that is a path", probe.People{LastName: "../../tmp/me", Homes: []probe.Home{me}}, probe.Person{}, "has no home folder in /Users"},
		{"the login window of a Mac with one user", probe.People{Homes: []probe.Home{guest, me}}, probe.Person{Name: "me", By: probe.OnlyUser}, ""},
		{"one user, and the saved name cannot be read", probe.People{LastErr: unread, Homes: []probe.Home{me}}, probe.Person{}, "cannot tell who was there last: cannot be read"},
		{"one user is known, but not all", probe.People{HomesErr: unread, Homes: []probe.Home{me}}, probe.Person{}, "cannot tell who was there last: cannot be read"},
		{"the login window, and no name was saved", probe.People{Homes: []probe.Home{anna, me}}, probe.Person{}, "macOS has not saved who was there last"},
		{"a Mac that nobody has set up", probe.People{}, probe.Person{}, errNobody.Error()},
		{"a directory that was made by hand, without the device", probe.People{ConsoleUID: -1, ConsoleErr: fs.ErrNotExist, Homes: []probe.Home{me}}, probe.Person{Name: "me", By: probe.OnlyUser}, ""},
		{"a disk", probe.People{Offline: true, ConsoleUID: -1, LastName: "anna", Homes: []probe.Home{anna, me}}, probe.Person{Name: "anna", By: probe.LastUser}, ""},
	} {
		got, err := choosePerson(tt.people)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %+v, %v; want %+v, %q", tt.name, got, err, tt.want, tt.err)
		}
	}
}
