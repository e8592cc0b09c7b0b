#!/bin/sh
# kextload PATH, and from macOS 11 also for `kmutil load -p PATH`: prints how the load
# ends. The attempt itself is recorded by `kextwatch sim DIR attempt BUNDLE-ID`.
root=${0%/*}/..
kmutil=
[ ! -x "$root/usr/bin/kmutil" ] || kmutil=yes
[ -z "$kmutil" ] || [ -n "$BY_KMUTIL" ] || printf 'Executing: /usr/bin/kmutil load -p %s\n' "$1" >&2

while read -r status settings id place; do
	[ "$place" = "$1" ] || continue
	case $status$kmutil in
	27yes) printf 'Error Domain=KMErrorDomain Code=27 "Extension with identifiers %s not approved to load. Please approve using %s." UserInfo={NSLocalizedDescription=Extension with identifiers %s not approved to load.}\n' "$id" "System $settings" "$id" >&2 ;;
	27) printf '%s failed to load - (libkern/kext) system policy prevents loading; check the system/kernel logs for errors or try kextutil(8).\n' "$1" >&2 ;;
	28yes) printf 'Loading extension(s): %s requires a reboot\n' "$id" >&2 ;;
	esac
	exit "$status"
done <"$root/private/var/db/kextwatch-sim/loads"
printf "Error: this Mac's kextload knows no extension at %s\n" "$1" >&2
exit 71
