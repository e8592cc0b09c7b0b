package mactest

import "fmt"

// Items of the framework, as the script prints them.
const (
	// ParallelsItem needs one argument: the value of "allowed".
	ParallelsItem = `{"developer":"Parallels International GmbH","application":"Parallels Desktop","path":"/Applications/Parallels Desktop.app",
		"team":"4C6364ACXT","bundles":["com.parallels.kext.hypervisor","com.parallels.kext.vnic"],"allowed":%t,"restart":true,"modified":false,"upgrade":null}`
	// SantaItem is an allowed item of another team.
	SantaItem = `{"developer":"Google, Inc.","application":"","path":"","team":"EQHXZ8M8AV","bundles":["com.google.santa-driver"],
		"allowed":true,"restart":true,"modified":false,"upgrade":true}`
)

// FrameworkAnswer returns the output of the script for these items. Both
// arguments are JSON arrays of items such as ParallelsItem.
func FrameworkAnswer(current, pending string) string {
	return fmt.Sprintf(`{"protocol":1,"state":"ok","current":%s,"pending":%s}`, current, pending)
}
