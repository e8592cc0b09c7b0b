package probe

import (
	"path"
	"strconv"
	"strings"
)

// AgentLabel is the name of the LaunchAgent, its settings and its folders.
const AgentLabel = "io.kextwatch.agent"

// ReaderLabel is the name of the LaunchDaemon that publishes the policy.
const ReaderLabel = "io.kextwatch.reader"

// Files and folders of a Mac.
const (
	// PolicyFolder holds KextPolicy and other databases, such as ExecPolicy.
	PolicyFolder = "/var/db/SystemPolicyConfiguration"
	// KextPolicy is the database in which macOS records approvals and load
	// attempts. KextPolicyFiles lists it with the files beside it.
	KextPolicy = PolicyFolder + "/KextPolicy"

	// SupportFolder is for files that every user of the Mac may read.
	SupportFolder = ApplicationSupport + "/" + AgentLabel
	// PublishedPolicy is the copy of the policy that the root reader writes.
	PublishedPolicy = SupportFolder + "/policy.plist"
	// ReaderLastRun records the last run of the root reader: its modification
	// time is the time of the run, its content is the outcome.
	ReaderLastRun = SupportFolder + "/reader/last-run"
	// FleetStates holds a folder for each user, named after the uid, in which that user's
	// agent writes FleetState for fleet tools.
	FleetStates = SupportFolder + "/users"
	// FleetState is the name of the file.
	FleetState = "status.plist"
	// ReaderProgram is the program of the root reader.
	ReaderProgram = "/Library/PrivilegedHelperTools/" + ReaderLabel
	// ReaderJob is the property list of the LaunchDaemon that starts it.
	ReaderJob = "/Library/LaunchDaemons/" + ReaderLabel + ".plist"

	// JobOfAll is the property list of a LaunchAgent that an administrator installed
	// for every user.
	JobOfAll = "/Library/LaunchAgents/" + AgentLabel + ".plist"

	// ProgramLink is the link that puts kextwatch on the PATH of every user.
	ProgramLink = "/usr/local/bin/kextwatch"

	Extensions           = "/Library/Extensions"
	Filesystems          = "/Library/Filesystems" // file systems of other vendors, some with kexts
	ApplicationSupport   = "/Library/Application Support"
	StagedExtensions     = "/Library/StagedExtensions" // macOS loads kexts from protected copies here
	SystemExtensions     = "/Library/SystemExtensions"
	SystemExtensionsList = SystemExtensions + "/db.plist"

	// AppProgram is the program in the app of kextwatch, where a fleet installs it.
	AppProgram = "/Applications/Kextwatch.app/Contents/MacOS/kextwatch"

	// Munki's settings, a managed copy of them first, and the folder that it uses if they
	// name none.
	MunkiManagedSettings = ManagedSettings + "/ManagedInstalls.plist"
	MunkiSettings        = "/Library/Preferences/ManagedInstalls.plist"
	MunkiFolder          = "/Library/Managed Installs"
	MunkiConditions      = "ConditionalItems.plist" // in that folder

	ParallelsApp             = "/Applications/Parallels Desktop.app"
	ParallelsNetworkSettings = "/Library/Preferences/Parallels/network.desktop.xml"

	SystemVersion        = "/System/Library/CoreServices/SystemVersion.plist"
	CryptexSystemVersion = "/System/Cryptexes/OS" + SystemVersion // after a rapid security response

	ManagedSettings               = "/Library/Managed Preferences"
	SoftwareUpdateSettings        = "/Library/Preferences/com.apple.SoftwareUpdate.plist"
	ManagedSoftwareUpdateSettings = ManagedSettings + "/com.apple.SoftwareUpdate.plist"
	TimeMachineSettings           = "/Library/Preferences/com.apple.TimeMachine.plist"
	ManagedKextPolicy             = ManagedSettings + "/com.apple.syspolicy.kernel-extension-policy.plist"
	InstallHistory                = "/Library/Receipts/InstallHistory.plist"

	// GlobalPreferences is in a home folder. It has the languages that the user prefers.
	GlobalPreferences = "Library/Preferences/.GlobalPreferences.plist"

	ConsoleDevice       = "/dev/console" // its owner is the user at the screen
	LoginWindowSettings = "/Library/Preferences/com.apple.loginwindow.plist"
)

// KextPolicyJournal is the rollback journal. SQLite creates it at the start of a
// transaction and usually removes it at the end, which makes the transaction visible.
const KextPolicyJournal = KextPolicy + "-journal"

// KextPolicyFiles are the files that together hold the policy database, the
// database first. SQLite keeps the newest commits in the -wal and what a
// rollback needs in the -journal. The -shm is left out: it is only an index of
// the -wal, and SQLite creates it again.
var KextPolicyFiles = [...]string{KextPolicy, KextPolicy + "-wal", KextPolicyJournal}

// Tools of a Mac, by the path at which they are started.
const (
	CsrutilTool          = "/usr/bin/csrutil"
	DiskutilTool         = "/usr/sbin/diskutil"
	IDTool               = "/usr/bin/id"
	IoregTool            = "/usr/sbin/ioreg"
	KextloadTool         = "/sbin/kextload"     // up to macOS 10.15
	KextstatTool         = "/usr/sbin/kextstat" // up to macOS 10.15
	KmutilTool           = "/usr/bin/kmutil"    // from macOS 11
	LaunchctlTool        = "/bin/launchctl"
	LogTool              = "/usr/bin/log"
	NetstatTool          = "/usr/sbin/netstat"
	NvramTool            = "/usr/sbin/nvram"
	OpenTool             = "/usr/bin/open"
	OsascriptTool        = "/usr/bin/osascript"
	ProfilerTool         = "/usr/sbin/system_profiler"
	ProfilesTool         = "/usr/bin/profiles"
	PbcopyTool           = "/usr/bin/pbcopy"
	PrlctlTool           = "/usr/local/bin/prlctl"
	PsTool               = "/bin/ps"
	ScutilTool           = "/usr/sbin/scutil"
	SpctlTool            = "/usr/sbin/spctl"
	SysctlTool           = "/usr/sbin/sysctl"
	SystemExtensionsTool = "/usr/bin/systemextensionsctl"
)

// FleetStateFolder is the folder in FleetStates for a user.
func FleetStateFolder(uid int) string { return FleetStates + "/" + strconv.Itoa(uid) }

// InParallels reports whether a path can only be one of Parallels Desktop: it is in its
// usual place, or it is a kext in an app and has the name of one of Parallels.
func InParallels(name string) bool {
	name = Unstaged(name)
	_, kext, inApp := strings.Cut(name, ".app/Contents/Library/Extensions/")
	return strings.HasPrefix(name, ParallelsApp+"/") || inApp && strings.HasPrefix(path.Base(kext), "prl_")
}

// Unstaged returns the path at which a kext was installed, for the path from
// which it was loaded: macOS loads a protected copy below StagedExtensions.
func Unstaged(name string) string {
	if original, staged := strings.CutPrefix(name, StagedExtensions+"/"); staged {
		return "/" + original
	}
	return name
}
