package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"kextwatch/agent/cli"
	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
)

// personOn returns the user whose home root reads without --home, and the home as a path
// of this machine. Root's own home belongs to no user, and macOS's sudo keeps the HOME of the user
// who called it.
func personOn(m root.FS) (person probe.Person, home string, err error) {
	person, err = choosePerson(mac.ReadPeople(m))
	if err != nil {
		return person, "", cli.Unavailable(err, "name the home with --home DIR")
	}
	return person, filepath.Join(m.Root, "Users", person.Name), nil
}

// errNobody means that the Mac has no user, so no agent can remember anything.
var errNobody = errors.New("there is no home folder in /Users")

// choosePerson chooses the user at the screen, otherwise the one who was there last,
// otherwise the only one. A user at the screen without a known home is an error:
// another user's memory must not take its place.
func choosePerson(p probe.People) (probe.Person, error) {
	switch {
	case p.Offline, p.ConsoleUID == 0, root.NotExist(p.ConsoleErr): // every Mac that runs has the device
		return choosePast(p)
	case p.ConsoleErr != nil:
		return probe.Person{}, fmt.Errorf("cannot tell who is at the screen: %w", p.ConsoleErr)
	}
	var own []probe.Home
	for _, h := range p.Homes {
		if h.UID == p.ConsoleUID {
			own = append(own, h)
		}
	}
	if len(own) == 1 {
		return probe.Person{Name: own[0].Name, By: probe.AtScreen}, nil
	}
	for _, h := range own { // the login window saves the name at each login
		if h.Name == p.LastName {
			return probe.Person{Name: h.Name, By: probe.AtScreen}, nil
		}
	}
	if len(own) > 1 {
		return probe.Person{}, fmt.Errorf("%d home folders in /Users belong to the user at the screen, uid %d", len(own), p.ConsoleUID)
	}
	return probe.Person{}, cmp.Or(p.HomesErr, fmt.Errorf("no home folder in /Users belongs to the user at the screen, uid %d", p.ConsoleUID))
}

// choosePast chooses a user if nobody is at the screen of the Mac.
func choosePast(p probe.People) (probe.Person, error) {
	var all []probe.Home
	for _, h := range p.Homes {
		if h.Ordinary {
			all = append(all, h)
		}
	}
	for _, h := range all {
		if h.Name == p.LastName {
			return probe.Person{Name: h.Name, By: probe.LastUser}, nil
		}
	}
	// A saved name without a folder is that of a user whose home is elsewhere.
	if len(all) == 1 && p.HomesErr == nil && p.LastErr == nil && p.LastName == "" {
		return probe.Person{Name: all[0].Name, By: probe.OnlyUser}, nil
	}
	if err := cmp.Or(p.LastErr, p.HomesErr); err != nil {
		return probe.Person{}, fmt.Errorf("nobody is at the screen, and kextwatch cannot tell who was there last: %w", err)
	}
	if len(p.Homes) == 0 && p.LastName == "" {
		return probe.Person{}, errNobody
	}
	if p.LastName != "" {
		return probe.Person{}, errors.New("nobody is at the screen, and the user who was there last has no home folder in /Users")
	}
	return probe.Person{}, errors.New("nobody is at the screen, and macOS has not saved who was there last")
}
