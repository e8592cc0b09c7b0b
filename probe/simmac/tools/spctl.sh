#!/bin/sh
# spctl kext-consent status|list|add TEAM
state=${0%/*}/../../private/var/db/kextwatch-sim
case "$1 $2" in
'kext-consent status' | 'kext-consent list') cat "$state/kext-consent-$2" ;;
'kext-consent add')
	printf 'spctl: failed to store new configuration.\n' >&2
	exit 1
	;;
*)
	printf 'System Policy Basic Usage:\n' >&2
	exit 1
	;;
esac
