#!/bin/sh
# sysctl [-n] NAME...
state=${0%/*}/../../private/var/db/kextwatch-sim

value_only=
if [ "$1" = -n ]; then
	value_only=yes
	shift
fi
status=0
for name; do
	found=
	while IFS= read -r line; do
		case $line in
		"$name: "*)
			found=yes
			[ -z "$value_only" ] || line=${line#"$name: "}
			printf '%s\n' "$line"
			;;
		esac
	done <"$state/sysctl"
	if [ -z "$found" ]; then
		printf "sysctl: unknown oid '%s'\n" "$name" >&2
		status=1
	fi
done
exit $status
