#!/bin/sh
# osascript -l JavaScript -e SCRIPT: answers a script that asks
# SystemPolicy.framework. It has none of the newer getters.
#
# osascript -e SCRIPT ARGUMENT...: a script that displays a dialog has its
# arguments noted, each ended by a zero byte and with their number in front,
# and is answered with what dialog-answer holds; where there is none, nobody
# answers.
#
# Any other script is noted and answers nothing.
state=${0%/*}/../../private/var/db/kextwatch-sim
case "$1 $2 $3 $4" in
'-l JavaScript -e '*requiresSecurityDowngrade*)
	printf 'requiresSecurityDowngrade: missing\n'
	exit
	;;
'-l JavaScript -e '*SPKernelExtensionPolicy*)
	cat "$state/framework"
	exit
	;;
-e\ *'display dialog '*)
	shift 2
	printf '%s\0' "$#" "$@" >>"$state/dialogs"
	answer='button returned:, gave up:true'
	[ ! -f "$state/dialog-answer" ] || IFS= read -r answer <"$state/dialog-answer"
	printf '%s\n' "$answer"
	exit
	;;
esac
printf '%s\n' "$*" >>"$state/osascript"
