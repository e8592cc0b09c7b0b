#!/bin/sh
# sw_vers [-productName|-productVersion|-productVersionExtra|-buildVersion]
{
	IFS= read -r name
	IFS= read -r version
	IFS= read -r build
} <"${0%/*}/../../private/var/db/kextwatch-sim/sw_vers"
case $1 in
'') printf '%s:\t%s\n' ProductName "$name" ProductVersion "$version" BuildVersion "$build" ;;
-productName | --productName) printf '%s\n' "$name" ;;
-productVersion | --productVersion) printf '%s\n' "$version" ;;
-productVersionExtra | --productVersionExtra) printf '\n' ;;
-buildVersion | --buildVersion) printf '%s\n' "$build" ;;
*)
	printf 'Usage: sw_vers [--help|--productName|--productVersion|--productVersionExtra|--buildVersion]\n' >&2
	exit 1
	;;
esac
