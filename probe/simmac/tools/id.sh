#!/bin/sh
# id -G: 80 is the group of the administrators.
if [ "$*" != -G ]; then
	printf 'usage: id [user]\n' >&2
	exit 1
fi
if [ -f "${0%/*}/../../private/var/db/kextwatch-sim/no-admin" ]; then
	printf '20 12 61 701 100\n'
else
	printf '20 12 61 79 80 81 98 701 100\n'
fi
