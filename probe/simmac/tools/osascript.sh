#!/bin/sh
# osascript ...: notes what it was asked to run, and answers nothing.
printf '%s\n' "$*" >>"${0%/*}/../../private/var/db/kextwatch-sim/osascript"
