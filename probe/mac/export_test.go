package mac

// For the tests against a simulated Mac, which imports this package.
var (
	ReadMachines    = readMachines
	ReadEnforcement = readEnforcement
)
