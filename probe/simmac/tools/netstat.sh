#!/bin/sh
# netstat -an -p tcp
if [ "$*" != '-an -p tcp' ]; then
	printf 'netstat: illegal option\n' >&2
	exit 1
fi
line='%-5s %6s %6s  %-22s %-22s %-11s\n'
printf 'Active Internet connections (including servers)\n'
printf "$line" Proto Recv-Q Send-Q 'Local Address' 'Foreign Address' '(state)'
[ ! -f "${0%/*}/../../private/var/db/kextwatch-sim/vnc" ] ||
	printf "$line" tcp4 0 0 192.168.64.10.5900 192.168.64.20.52444 ESTABLISHED
printf "$line" tcp4 0 0 192.168.64.10.49210 17.57.146.20.5223 ESTABLISHED
printf "$line" tcp46 0 0 '*.5900' '*.*' LISTEN
