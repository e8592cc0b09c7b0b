package mac

// For tests in package mac_test, which use a simulated Mac.
var (
	ReadMachines    = readMachines
	ReadEnforcement = readEnforcement
)
