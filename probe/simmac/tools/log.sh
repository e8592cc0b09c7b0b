#!/bin/sh
# log stream [--style STYLE] [--predicate PREDICATE] | log help stream
# log show --last MINUTESm [--style STYLE] [--predicate PREDICATE]
#
# The log is a file of ready-made lines; the predicate holds none of them back.
state=${0%/*}/../../private/var/db/kextwatch-sim

fail() {
	printf 'log: %s\n' "$1" >&2
	exit 64
}

command=$1
case $1 in
stream | show) ;;
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
minutes=
while [ $# -gt 0 ]; do
	case $1 in
	--predicate) predicate=$2 ;;
	--style) [ "$2" = ndjson ] || fail "this Mac's log only knows the style ndjson" ;;
	--last) [ "$command" = show ] || fail "Unrecognized option '$1'"; minutes=${2%m} ;;
	*) fail "Unrecognized option '$1'" ;;
	esac
	shift 2 || fail 'an option has no value'
done
# That show needs an administrator too, and how it says so, is not known.
[ ! -e "$state/standard-user" ] || fail "Must be admin to run '$command' command"

if [ "$command" = show ]; then
	[ -n "$minutes" ] || fail "this Mac's log only shows the last minutes"
	# machTimestamp is 1<<60 and the nanoseconds since 1970.
	from=$(((1 << 60) + ($(date +%s) - 60 * minutes) * 1000000000))
	count=0
	while IFS= read -r line; do
		at=${line#*\"machTimestamp\":}
		[ "${at%%,*}" -ge "$from" ] || continue
		printf '%s\n' "$line"
		count=$((count + 1))
	done <"$state/log"
	printf '{"count":%d,"finished":1}\n' "$count"
	exit 0
fi

# What is logged after the banner is printed, follows it.
size=$(wc -c <"$state/log")
printf 'Filtering the log data using "%s"\n' "$predicate"
exec tail -c "+$((size + 1))" -F "$state/log"
