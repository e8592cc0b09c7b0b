package probe

// Fact is the name of a fact that can be missing. `status --json` prints it
// as gaps[].source, so these names must not change.
type Fact string

// The facts that can be missing. agent/view has a row of words for each.
const (
	FactMacOSVersion Fact = "macOS version"
	FactProcessor    Fact = "processor"
	FactBootTime     Fact = "boot time"
	FactBootSession  Fact = "boot session"
	FactBootPolicy   Fact = "boot policy" // of Apple silicon
	FactBootVolume   Fact = "startup disk"
	FactVirtual      Fact = "virtual Mac" // whether macOS runs in a virtual machine

	FactParallels    Fact = "Parallels Desktop"
	FactKextsOnDisk  Fact = "kernel extensions on the disk" // those of Parallels
	FactOtherKexts   Fact = "other kernel extensions on the disk"
	FactLoadedKexts  Fact = "loaded kernel extensions"
	FactCollection   Fact = "kernel collection" // the auxiliary one, from macOS 11
	FactLoadAttempts Fact = "log"               // load attempts, from the unified log
	FactLoadHistory  Fact = "load history"      // times of load attempts, from the load history of the policy

	FactVMs          Fact = "virtual machines"
	FactVMFiles      Fact = "virtual machines on the disk"
	FactVMNetworking Fact = "Parallels networking"

	FactSIP           Fact = "System Integrity Protection"
	FactKextApproval  Fact = "approval of kernel extensions" // the part of SIP that requires it
	FactConsent       Fact = "consent to kernel extensions"
	FactRecoveryTeams Fact = "teams allowed from Recovery"
	FactKextProfile   Fact = "configuration profile"  // the payload in Managed Preferences
	FactProfiles      Fact = "configuration profiles" // the output of the profiles tool

	FactPrograms         Fact = "running programs"
	FactNetwork          Fact = "network connections"
	FactConsoleUser      Fact = "console user"
	FactPerson           Fact = "user" // whose settings and memory root reads
	FactScreenLock       Fact = "screen lock"
	FactAdmin            Fact = "administrator"
	FactSystemExtensions Fact = "system extensions"

	FactUpdateHistory  Fact = "update history"
	FactOfferedUpdates Fact = "software update"
	FactUpdateSettings Fact = "automatic updates"
	FactBackup         Fact = "time machine"

	FactFileEvents Fact = "file-events"
	FactOwnFiles   Fact = "agent's files"    // the files that the agent writes
	FactOwnMemory  Fact = "agent's memory"   // the state that an earlier agent saved
	FactOwnProgram Fact = "kextwatch itself" // the program that launchd starts at the next login

	FactOwnSettings Fact = "settings" // they decide which developers are watched
)

// Facts lists every Fact.
var Facts = []Fact{
	FactMacOSVersion, FactProcessor, FactBootTime, FactBootSession, FactBootPolicy, FactBootVolume, FactVirtual,
	FactParallels, FactKextsOnDisk, FactOtherKexts, FactLoadedKexts, FactCollection, FactLoadAttempts, FactLoadHistory,
	FactVMs, FactVMFiles, FactVMNetworking,
	FactSIP, FactKextApproval, FactConsent, FactRecoveryTeams, FactKextProfile, FactProfiles,
	FactPrograms, FactNetwork, FactConsoleUser, FactPerson, FactScreenLock, FactAdmin, FactSystemExtensions,
	FactUpdateHistory, FactOfferedUpdates, FactUpdateSettings, FactBackup,
	FactFileEvents, FactOwnFiles, FactOwnMemory, FactOwnProgram, FactOwnSettings,
}
