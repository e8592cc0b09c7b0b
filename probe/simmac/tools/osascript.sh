#!/bin/sh
# osascript -l JavaScript -e SCRIPT: answers a script that asks
# SystemPolicy.framework. Anything else it notes, and answers nothing.
state=${0%/*}/../../private/var/db/kextwatch-sim
case "$1 $2 $3 $4" in
'-l JavaScript -e '*SPKernelExtensionPolicy*) cat "$state/framework" ;;
*) printf '%s\n' "$*" >>"$state/osascript" ;;
esac
