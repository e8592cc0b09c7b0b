#!/bin/sh
# kextstat [-l] [-b ID]
# kmutil load -p PATH
# kmutil showloaded [--list-only] [--bundle-identifier ID] [--show all --collection aux]
root=${0%/*}/../..

if [ "${0##*/}" = kmutil ]; then
	if [ "$1 $2" = 'load -p' ]; then
		BY_KMUTIL=yes exec "$root/sbin/kextload" "$3"
	fi
	if [ "$1" != showloaded ]; then
		printf "Error: this Mac's kmutil only knows showloaded and load -p\n" >&2
		exit 64
	fi
	shift
elif [ -x "$root/usr/bin/kmutil" ]; then
	printf 'Executing: /usr/bin/kmutil showloaded\n' >&2
fi
[ ! -x "$root/usr/bin/kmutil" ] || printf 'No variant specified, falling back to release\n' >&2

header=yes
id=
table=kexts
while [ $# -gt 0 ]; do
	case $1 in
	-l | --list-only) header= ;;
	-b | --bundle-identifier)
		id=$2
		shift
		;;
	--show | --collection)
		case "$1 $2" in
		'--show all') ;;
		'--collection aux') table=collection ;;
		*)
			printf "Error: this Mac's kmutil only knows --show all and --collection aux\n" >&2
			exit 64
			;;
		esac
		shift
		;;
	*)
		printf "Error: Unknown option '%s'\n" "$1" >&2
		exit 64
		;;
	esac
	shift
done

[ -z "$header" ] || printf 'Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n'
while IFS= read -r line; do
	case $line in
	*" $id ("*) ;;
	*) [ -z "$id" ] || continue ;;
	esac
	printf '%s\n' "$line"
done <"$root/private/var/db/kextwatch-sim/$table"
