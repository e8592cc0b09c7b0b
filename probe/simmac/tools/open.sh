#!/bin/sh
# open [OPTION...] TARGET: notes what it was asked to open.
printf '%s\n' "$*" >>"${0%/*}/../../private/var/db/kextwatch-sim/opened"
