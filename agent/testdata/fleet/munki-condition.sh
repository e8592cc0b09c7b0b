#!/bin/sh
# kextwatch: a condition for Munki. Put it into /usr/local/munki/conditions, owned by root
# with the group wheel and the mode 755. Munki runs it before it evaluates conditions.
#
# It adds these keys to ConditionalItems.plist:
#   kextwatch_answer             "ok", "action" or "unknown"
#   kextwatch_summary            one line, such as "blocked-open: Parallels Desktop"
#   kextwatch_verdict            the worst verdict of the Mac
#   kextwatch_blocked            product names that wait for an approval
#   kextwatch_needs_restart      product names that wait for a restart
#   kextwatch_needs_recovery     product names that need macOS Recovery
#   kextwatch_unknown            product names of which the verdict is not known
#   kextwatch_offered_macos      the newest macOS that Software Update offers, if it is newer
#   kextwatch_too_old            product names that are too old for it
#   kextwatch_schema             1
#
# If kextwatch is not installed, there is no key. Compare for equality, so that a missing
# key never counts as ok: kextwatch_answer == "ok", ANY kextwatch_blocked == "Parallels Desktop".

missing() { exit 0; }
unsafe() {
	echo "kextwatch: users other than root can replace $program, so it was not run" >&2
	exit 1
}

program=/Applications/Kextwatch.app/Contents/MacOS/kextwatch
[ -x "$program" ] || missing
others=$(/usr/bin/find /Applications/Kextwatch.app/Contents/MacOS/kextwatch /Applications/Kextwatch.app/Contents/MacOS /Applications/Kextwatch.app/Contents /Applications/Kextwatch.app /Applications / -prune \( ! -user 0 ! -user "$(/usr/bin/id -u)" -o -type l \
	-o -perm -020 ! -group 80 ! -group "$(/usr/bin/id -g)" ! \( -type d -perm -1000 \) -o -perm -002 ! \( -type d -perm -1000 \) \) 2>&1)
[ -z "$others" ] || unsafe

exec "$program" fleet munki-condition --run </dev/null
