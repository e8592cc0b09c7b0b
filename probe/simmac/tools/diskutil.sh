#!/bin/sh
# diskutil info -plist /
if [ "$*" != 'info -plist /' ]; then
	printf "diskutil: this Mac's only knows info -plist /\n" >&2
	exit 64
fi
cat "${0%/*}/../../private/var/db/kextwatch-sim/disk.plist"
