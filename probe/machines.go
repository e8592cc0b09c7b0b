package probe

// Answer is a yes or a no that may not be known.
type Answer string

// The answers; the zero value is not known.
const (
	Yes Answer = "yes"
	No  Answer = "no"
)

// AnswerOf is Yes or No.
func AnswerOf(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Machines are the virtual machines of Parallels Desktop.
type Machines struct {
	Known    bool   // every place where one can be was looked at, or prlctl told
	From     string // "prlctl" or "config.pvs"; empty: nothing answered
	List     []VM
	Kextless Answer // No: networking uses kernel extensions (UseKextless is 0)
}

// VM is one virtual machine.
type VM struct {
	UUID       string // without braces, checked; empty where it is not known
	Name       string // anybody's text
	Path       string // of its bundle, where it is known
	State      VMState
	Hypervisor Hypervisor
	Nested     Answer // nested virtualization: only Parallels' own hypervisor can
}

// VMState is what a virtual machine is doing.
type VMState string

// The states that matter; what prlctl says otherwise is not known.
const (
	VMStopped   VMState = "stopped"
	VMRunning   VMState = "running"
	VMSuspended VMState = "suspended"
)

// Hypervisor is what runs a virtual machine.
type Hypervisor string

// Parallels' own hypervisor is a kernel extension; Apple's is part of macOS.
const (
	ParallelsHypervisor Hypervisor = "parallels"
	AppleHypervisor     Hypervisor = "apple"
)
