#!/bin/sh
# profiles show -type configuration: profiles for the whole Mac are shown to
# root only, and the user of this Mac has none.
if [ "$*" != 'show -type configuration' ]; then
	printf 'profiles: unrecognized verb\n' >&2
	exit 1
fi
printf "There are no configuration profiles installed for user 'me'\n"
