#!/bin/sh
# csrutil status
if [ "$1" != status ]; then
	printf 'usage: csrutil <command>\n' >&2
	exit 1
fi
printf 'System Integrity Protection status: enabled.\n'
