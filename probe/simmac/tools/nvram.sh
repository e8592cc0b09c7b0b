#!/bin/sh
# nvram NAME
tab=$(printf '\t')
while IFS= read -r line; do
	case $line in
	"$1$tab"*)
		printf '%s\n' "$line"
		exit 0
		;;
	esac
done <"${0%/*}/../../private/var/db/kextwatch-sim/nvram"
printf "nvram: Error getting variable - '%s': (iokit/common) data was not found\n" "$1" >&2
exit 1
