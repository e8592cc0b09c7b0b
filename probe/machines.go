package probe

import "time"

// Answer is Yes, No, or not known.
type Answer string

// The answers; the zero value is not known.
const (
	Yes Answer = "yes"
	No  Answer = "no"
)

// AnswerOf converts a known answer.
func AnswerOf(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Machines describes the virtual machines of Parallels Desktop.
type Machines struct {
	Known    bool   // List is complete: prlctl answered, or every place where a VM can be was read
	From     string // the source of List, "prlctl" or "config.pvs"; empty: none answered
	ReadAt   time.Time
	List     []VM
	Kextless Answer // No: networking uses kernel extensions (UseKextless is 0)
}

// VM is one virtual machine.
type VM struct {
	UUID       string // without braces, validated; empty: not known
	Name       string // chosen by the user: clean it before showing it
	Path       string // of its bundle; empty: not known
	State      VMState
	Hypervisor Hypervisor
	Nested     Answer // nested virtualization; it needs Parallels' own hypervisor
	OtherUsers bool   // its bundle is in the home folder of another user, who alone can start it
}

// VMState is what a virtual machine is doing.
type VMState string

// The states that matter. Every other state of prlctl is read as not known.
const (
	VMStopped   VMState = "stopped"
	VMRunning   VMState = "running"
	VMSuspended VMState = "suspended"
)

// Hypervisor is the hypervisor of a virtual machine.
type Hypervisor string

// The hypervisors. Parallels' own is a kernel extension; Apple's is part of
// macOS.
const (
	ParallelsHypervisor Hypervisor = "parallels"
	AppleHypervisor     Hypervisor = "apple"
)
