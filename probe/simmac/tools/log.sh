#!/bin/sh
# log stream [--style STYLE] [--predicate PREDICATE] | log help stream
#
# The log is a file of ready-made lines; the predicate holds none of them back.
state=${0%/*}/../../private/var/db/kextwatch-sim

fail() {
	printf 'log: %s\n' "$1" >&2
	exit 64
}

case $1 in
stream) ;;
help)
	printf '%s\n' 'usage: log stream [options]' '' 'options:' \
		'    --predicate <predicate>' \
		'    --style ( default | compact | json | ndjson | syslog )'
	exit 0
	;;
*) fail "Unknown subcommand '$1'" ;;
esac
shift
predicate=
while [ $# -gt 0 ]; do
	case $1 in
	--predicate) predicate=$2 ;;
	--style) [ "$2" = ndjson ] || fail "this Mac's log only knows the style ndjson" ;;
	*) fail "Unrecognized option '$1'" ;;
	esac
	shift 2 || fail 'an option has no value'
done
[ ! -e "$state/standard-user" ] || fail "Must be admin to run 'stream' command"

# What is logged after the banner is printed, follows it.
size=$(wc -c <"$state/log")
printf 'Filtering the log data using "%s"\n' "$predicate"
exec tail -c "+$((size + 1))" -F "$state/log"
