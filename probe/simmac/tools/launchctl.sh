#!/bin/sh
# launchctl bootstrap DOMAIN PLIST | bootout DOMAIN/LABEL | bootout DOMAIN PLIST
#           kickstart [-k] DOMAIN/LABEL | print DOMAIN/LABEL | print DOMAIN
#
# Jobs are remembered, never started: a file for each, with the path of its
# property list and its program. A user's job is said to run, a daemon to have
# run and ended well.
root=${0%/*}/..
jobs=$root/private/var/db/kextwatch-sim/jobs

fail() {
	printf '%s\n' "$2" >&2
	exit "$1"
}

# replace TEXT OLD NEW
replace() {
	head=
	tail=$1
	while :; do
		case $tail in
		*"$2"*)
			head=$head${tail%%"$2"*}$3
			tail=${tail#*"$2"}
			;;
		*)
			printf '%s' "$head$tail"
			return
			;;
		esac
	done
}

# text_of KEY prints the first string after KEY in $plist.
text_of() {
	case $plist in
	*"<key>$1</key>"*"<string>"*) ;;
	*) return ;;
	esac
	text=${plist#*"<key>$1</key>"}
	text=${text#*"<string>"}
	text=${text%%"</string>"*}
	text=$(replace "$text" '&lt;' '<')
	text=$(replace "$text" '&gt;' '>')
	text=$(replace "$text" '&#34;' '"')
	text=$(replace "$text" '&quot;' '"')
	text=$(replace "$text" '&#39;' "'")
	text=$(replace "$text" '&apos;' "'")
	replace "$text" '&amp;' '&'
}

# read_plist PATH sets label and program; the path is one of this machine or
# one of this Mac.
read_plist() {
	file=$1
	[ -f "$file" ] || file=$root$1
	[ -f "$file" ] || return 1
	plist=$(cat "$file")
	label=$(text_of Label)
	program=$(text_of Program)
	[ -n "$program" ] || program=$(text_of ProgramArguments)
	case $label in
	'' | */* | .*) return 1 ;;
	esac
}

# find_job TARGET sets domain, label and job.
find_job() {
	domain=${1%/*}
	label=${1##*/}
	job=$jobs/$domain/$label
}

no_service() {
	case $domain in
	gui/*) fail 113 "Could not find service \"$label\" in domain for user gui: ${domain#gui/}" ;;
	*) fail 113 "Could not find service \"$label\" in domain for $domain" ;;
	esac
}

case $1 in
bootstrap)
	case $2 in
	system | gui/* | user/*) ;;
	*) fail 125 "Bootstrap failed: 125: Domain does not support specified action" ;;
	esac
	read_plist "$3" || fail 5 "Bootstrap failed: 5: Input/output error"
	job=$jobs/$2/$label
	[ ! -e "$job" ] || fail 5 "Bootstrap failed: 5: Input/output error"
	mkdir -p "$jobs/$2"
	printf '%s\n' "$3" "$program" >"$job"
	;;
bootout)
	find_job "$2"
	if [ $# -gt 2 ]; then
		read_plist "$3" || fail 5 "Boot-out failed: 5: Input/output error"
		job=$jobs/$2/$label
	fi
	[ -f "$job" ] || fail 3 "Boot-out failed: 3: No such process"
	rm "$job"
	;;
kickstart)
	[ "$2" != -k ] || shift
	find_job "$2"
	[ -f "$job" ] || no_service
	;;
print)
	case $2 in
	gui/*/* | user/*/* | system/*) ;;
	gui/* | user/* | system)
		printf '%s = {\n\ttype = login\n}\n' "$2"
		exit 0
		;;
	esac
	find_job "$2"
	[ -f "$job" ] || no_service
	{
		IFS= read -r path
		IFS= read -r program
	} <"$job"
	printf '%s = {\n' "$2"
	case $domain in
	system)
		printf '\t%s\n' "active count = 0" "path = $path" "state = not running" '' \
			"program = $program" "runs = 1" "last exit code = 0"
		;;
	*)
		printf '\t%s\n' "active count = 1" "path = $path" "state = running" '' \
			"program = $program" "runs = 1" "pid = 4242" "last exit code = (never exited)"
		;;
	esac
	printf '}\n'
	;;
*)
	fail 64 "Unrecognized subcommand: $1"
	;;
esac
