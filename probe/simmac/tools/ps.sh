#!/bin/sh
# ps -axww -o uid= -o etime= -o comm=
#
# What every Mac runs since it started, Parallels' service where the
# application is there, and what was started since.
root=${0%/*}/..
state=$root/private/var/db/kextwatch-sim

case $* in
'-axww -o uid= -o etime= -o comm=') ;;
*)
	printf 'ps: illegal option\n' >&2
	exit 1
	;;
esac
now=$(date +%s)
while IFS= read -r line; do
	case $line in
	'kern.boottime: { sec = '*)
		booted=${line#*sec = }
		booted=${booted%%,*}
		;;
	esac
done <"$state/sysctl"
IFS= read -r user <"$state/user"

# show UID START PATH
show() {
	[ "$2" -ge "$booted" ] || return 0 # it ended with the Mac's last start
	age=$((now > $2 ? now - $2 : 0))
	days=$((age / 86400))
	hours=$((age / 3600 % 24))
	printf '%5d ' "$1"
	[ "$days" = 0 ] || printf '%02d-' "$days"
	[ "$days$hours" = 00 ] || printf '%02d:' "$hours"
	printf '%02d:%02d %s\n' $((age / 60 % 60)) $((age % 60)) "$3"
}

# standard UID PATH: it runs unless somebody ended it.
standard() {
	[ ! -f "$state/ended" ] || while IFS= read -r line; do
		[ "$line" != "$2" ] || return 0
	done <"$state/ended"
	show "$1" "$booted" "$2"
}

standard 0 /sbin/launchd
standard 0 /usr/libexec/UserEventAgent
standard 0 /System/Library/CoreServices/loginwindow.app/Contents/MacOS/loginwindow
standard "$user" /usr/libexec/UserEventAgent
standard "$user" /System/Library/CoreServices/Finder.app/Contents/MacOS/Finder
service='/Applications/Parallels Desktop.app/Contents/MacOS/Parallels Service.app/Contents/MacOS/prl_disp_service'
[ ! -d "$root/Applications/Parallels Desktop.app" ] || standard 0 "$service"
[ ! -f "$state/programs" ] || while read -r uid start path; do
	show "$uid" "$start" "$path"
done <"$state/programs"
show "$user" "$now" /bin/ps
