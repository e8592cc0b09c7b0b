#!/bin/sh
# system_profiler SPiBridgeDataType [-json]
answer=${0%/*}/../../private/var/db/kextwatch-sim/controller
case $* in
SPiBridgeDataType) cat "$answer.txt" ;;
'SPiBridgeDataType -json') cat "$answer.json" ;;
*)
	printf "system_profiler: this Mac's only knows SPiBridgeDataType\n" >&2
	exit 64
	;;
esac
