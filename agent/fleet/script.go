package fleet

import (
	"path"
	"strings"

	"kextwatch/probe"
)

// Call is how a script of a fleet tool starts kextwatch.
type Call struct {
	Program string // its absolute path, without links
	Root    string // the flag --root, for a simulated Mac; empty: this Mac
}

// Program is where the installer package and the app put kextwatch.
const Program = probe.AppProgram

// script fills the placeholders of a script: PROGRAM, PLACES (the program and every folder
// above it) and KEXTWATCH (the command without its arguments).
func (c Call) script(text string) string {
	command := `"$program"`
	if c.Root != "" {
		command += " --root " + probe.ShellWord(c.Root)
	}
	var places []string
	for at := c.Program; ; at = path.Dir(at) {
		places = append(places, probe.ShellWord(at))
		if at == path.Dir(at) {
			break
		}
	}
	return strings.NewReplacer("PROGRAM", probe.ShellWord(c.Program), "PLACES", strings.Join(places, " "), "KEXTWATCH", command).Replace(text)
}

// guard is the part of each script that refuses a program that somebody else than root,
// or than the user who runs the script, could have replaced. Only the groups admin (80)
// and that of the script may write: on a Mac administrators may write to /Applications, root
// has the group wheel, and every user is in the group staff. A file in a folder such as
// /tmp, which is sticky, is its owner's.
const guard = `program=PROGRAM
[ -x "$program" ] || missing
others=$(/usr/bin/find PLACES -prune \( ! -user 0 ! -user "$(/usr/bin/id -u)" -o -type l \
	-o -perm -020 ! -group 80 ! -group "$(/usr/bin/id -g)" ! \( -type d -perm -1000 \) -o -perm -002 ! \( -type d -perm -1000 \) \) 2>&1)
[ -z "$others" ] || unsafe
`
