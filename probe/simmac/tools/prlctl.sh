#!/bin/sh
# prlctl list -a -i --json
# prlctl start UUID, prlctl resume UUID: prints how the start ends; the attempt
# itself is recorded by `kextwatch sim DIR start-vm NAME`.
state=${0%/*}/../../../../private/var/db/kextwatch-sim

fail() {
	printf '%s\n' "$1" >&2
	exit 255
}

case "$1 $#" in
'list 4')
	[ "$*" = 'list -a -i --json' ] || fail 'Unrecognized option'
	cat "$state/prlctl-list"
	;;
'start 2' | 'resume 2')
	uuid=${2#\{}
	uuid=${uuid%\}}
	while read -r id answer name; do
		[ "$id" = "$uuid" ] || continue
		printf 'Starting the VM...\n'
		if [ "$answer" = blocked ]; then
			IFS= read -r major <"$state/parallels-major"
			fail "Failed to start the VM: To start \"$name\", allow the Parallels Hypervisor System Extension and restart your Mac. Or switch the hypervisor type to Apple in the virtual machine configuration. For more details, please see here (https://www.parallels.com/products/desktop/supportinfo/pdfm${major}_en_US_56521)."
		fi
		printf 'The VM has been successfully started.\n'
		exit 0
	done <"$state/prlctl-start"
	fail "Failed to get VM config: The virtual machine could not be found."
	;;
*) fail 'Unrecognized command' ;;
esac
