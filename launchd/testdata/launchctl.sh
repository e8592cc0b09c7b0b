#!/bin/sh
# A launchctl for tests, as it answers on macOS 10.14 to 26. It knows one job
# and keeps what it knows in files beside itself:
#   calls          every call it got, one a line
#   VERB.answers   what to answer the next calls of a verb instead of the usual:
#                  the exit status and the text, one call a line
#   job            there while the job is loaded; holds its state
#   exit           the job's last exit code, where it has one
#   once           there where the job ends by itself at once; its exit code
#   draining       one line for each time that print still finds a job that
#                  was booted out
here=${0%/*}
echo "$*" >>"$here/calls"

# pop FILE reads and removes the first line of a file into $status and $text.
pop() {
	[ -s "$1" ] || return 1
	read -r status text <"$1"
	sed 1d "$1" >"$1.rest"
	mv "$1.rest" "$1"
}

if pop "$here/$1.answers"; then
	echo "$text" >&2
	exit "$status"
fi
case $1 in
bootstrap | load)
	if [ -e "$here/job" ] || [ -s "$here/draining" ]; then
		echo "Bootstrap failed: 5: Input/output error" >&2
		exit 5
	fi
	echo "not running" >"$here/job"
	;;
bootout)
	if [ ! -e "$here/job" ]; then
		echo "Boot-out failed: 3: No such process" >&2
		exit 3
	fi
	rm "$here/job"
	;;
kickstart)
	[ -e "$here/job" ] || { echo "Could not find service" >&2; exit 113; }
	echo running >"$here/job"
	[ ! -e "$here/once" ] || { echo "not running" >"$here/job"; cat "$here/once" >"$here/exit"; }
	;;
print)
	state=exiting
	if [ -e "$here/job" ]; then
		read -r state <"$here/job"
	elif ! pop "$here/draining"; then
		echo "Could not find service \"${2##*/}\" in domain for user gui: 501" >&2
		exit 113
	fi
	exit='(never exited)'
	[ ! -e "$here/exit" ] || read -r exit <"$here/exit"
	printf '%s = {\n\tactive count = 1\n\tstate = %s\n' "$2" "$state"
	[ "$state" != running ] || printf '\tpid = 812\n'
	printf '\tlast exit code = %s\n\n\tendpoints = {\n\t\tstate = active\n\t}\n}\n' "$exit"
	;;
esac
