#!/bin/sh
# ioreg -n Root -d1 -a
state=${0%/*}/../../private/var/db/kextwatch-sim
if [ "$*" != '-n Root -d1 -a' ]; then
	printf 'ioreg: error: unknown option\n' >&2
	exit 1
fi
IFS= read -r user <"$state/user"
locked=
[ ! -f "$state/locked" ] || locked='<key>CGSSessionScreenIsLocked</key><true/>'
printf '%s\n' '<?xml version="1.0" encoding="UTF-8"?>' \
	'<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">' \
	'<plist version="1.0"><dict>' \
	"<key>IOConsoleLocked</key>$([ -n "$locked" ] && printf '<true/>' || printf '<false/>')" \
	"<key>IOConsoleUsers</key><array><dict>$locked<key>kCGSSessionOnConsoleKey</key><true/>" \
	"<key>kCGSSessionUserIDKey</key><integer size=\"64\">$user</integer>" \
	'<key>kCGSessionLoginDoneKey</key><true/></dict></array>' \
	'</dict></plist>'
