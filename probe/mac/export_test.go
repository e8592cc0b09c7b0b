package mac

// For the tests against a simulated Mac, which imports this package.
var (
	ReadMachines    = Mac.machines
	ReadEnforcement = Mac.enforcement
)
