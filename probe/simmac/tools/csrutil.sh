#!/bin/sh
# csrutil status
if [ "$1" != status ]; then
	printf 'usage: csrutil <command>\n' >&2
	exit 1
fi
cat "${0%/*}/../../private/var/db/kextwatch-sim/csrutil"
