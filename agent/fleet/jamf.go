package fleet

import "strings"

// JamfScript returns the script of an extension attribute for Jamf Pro. It always prints
// one result and exits with 0: a result that is not known must not leave the last one in
// the inventory.
func JamfScript(c Call) string { return c.script(jamfScript) }

const jamfScript = `#!/bin/sh
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

` + guard + `
answer=$(KEXTWATCH fleet jamf-ea --run 2>/dev/null </dev/null)
case $answer in
'<result>'?*'</result>') printf '%s\n' "$answer" ;;
*) result 'unknown: kextwatch gave no result' ;;
esac
exit 0
`

// JamfResult returns the element that Jamf Pro reads for a line of a State.
func JamfResult(line string) string {
	return "<result>" + strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(line) + "</result>"
}
