#!/bin/sh
# spctl kext-consent status|list|add TEAM
case "$1 $2" in
'kext-consent status') printf 'Kernel Extension User Consent: ENABLED\n' ;;
'kext-consent list') printf 'spctl: no kext consent configuration found.\n' ;;
'kext-consent add')
	printf 'spctl: failed to store new configuration.\n' >&2
	exit 1
	;;
*)
	printf 'System Policy Basic Usage:\n' >&2
	exit 1
	;;
esac
