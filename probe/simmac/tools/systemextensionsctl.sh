#!/bin/sh
# systemextensionsctl list
if [ "$1" != list ]; then
	printf 'usage: systemextensionsctl list\n' >&2
	exit 64
fi
list=${0%/*}/../../private/var/db/kextwatch-sim/system-extensions
if [ -f "$list" ]; then
	cat "$list"
else
	printf '0 extension(s)\n'
fi
