#!/bin/sh
# pbcopy: keeps the text from standard input. Like the real one, it needs a locale with
# UTF-8 to read UTF-8.
case ${LC_ALL:-${LC_CTYPE:-$LANG}} in
*UTF-8) ;;
*) tr -c '[:print:]\n' '?' | cat >"${0%/*}/../../private/var/db/kextwatch-sim/clipboard" && exit ;;
esac
cat >"${0%/*}/../../private/var/db/kextwatch-sim/clipboard"
