package mactest

import "fmt"

const (
	ParallelsItem = `{"developer":"Parallels International GmbH","application":"Parallels Desktop","path":"/Applications/Parallels Desktop.app",
		"team":"4C6364ACXT","bundles":["com.parallels.kext.hypervisor","com.parallels.kext.vnic"],"allowed":%t,"restart":true,"modified":false,"upgrade":null}`
	SantaItem = `{"developer":"Google, Inc.","application":"","path":"","team":"EQHXZ8M8AV","bundles":["com.google.santa-driver"],
		"allowed":true,"restart":true,"modified":false,"upgrade":true}`
)

// FrameworkAnswer is what the script prints for these items, JSON arrays of
// ParallelsItem and the like.
func FrameworkAnswer(current, pending string) string {
	return fmt.Sprintf(`{"protocol":1,"state":"ok","current":%s,"pending":%s}`, current, pending)
}
