#!/bin/sh
# kextwatch: an extension attribute for Jamf Pro. Data type: String. Input type: Script.
#
# Values:
#   ok: VERDICT                  nothing to do
#   VERDICT: PRODUCT             something to do, such as "blocked-open: Parallels Desktop";
#                                more products follow after "; "
#   unknown: REASON              not known
#
# Smart groups: "like ok:" has nothing to do, "like blocked-" waits for Allow, "like restart-pending:"
# waits for a restart, "like needs-recovery:" needs macOS Recovery, "like unknown:" is unknown.

result() {
	printf '<result>%s</result>\n' "$1"
	exit 0
}
missing() { result 'unknown: kextwatch is not installed'; }
unsafe() { result 'unknown: users other than root can replace kextwatch'; }

program=/Applications/Kextwatch.app/Contents/MacOS/kextwatch
[ -x "$program" ] || missing
others=$(/usr/bin/find /Applications/Kextwatch.app/Contents/MacOS/kextwatch /Applications/Kextwatch.app/Contents/MacOS /Applications/Kextwatch.app/Contents /Applications/Kextwatch.app /Applications / -prune \( ! -user 0 ! -user "$(/usr/bin/id -u)" -o -type l \
	-o -perm -020 ! -group 80 ! -group "$(/usr/bin/id -g)" ! \( -type d -perm -1000 \) -o -perm -002 ! \( -type d -perm -1000 \) \) 2>&1)
[ -z "$others" ] || unsafe

answer=$("$program" fleet jamf-ea --run 2>/dev/null </dev/null)
case $answer in
'<result>'?*'</result>') printf '%s\n' "$answer" ;;
*) result 'unknown: kextwatch gave no result' ;;
esac
exit 0
