package probe

// Boot holds the facts about the start of this Mac that decide whether macOS can load
// kexts of other vendors. None of them can change before the next start.
type Boot struct {
	Security  Security // of Apple silicon
	UserKexts Answer   // its boot policy lets users approve kexts
	MDMKexts  Answer   // its boot policy lets MDM approve kexts
	External  Answer   // macOS was started from an external disk
	Virtual   Answer   // macOS runs in a virtual machine
}

// Security is the security of the boot policy of Apple silicon, as Startup Security
// Utility names it. The zero value is not known: system_profiler translates its values.
type Security string

// The levels of security. In Full Security no kext of another vendor can be loaded,
// unless MDM manages it (Apple Platform Security).
const (
	FullSecurity       Security = "full"
	ReducedSecurity    Security = "reduced"
	PermissiveSecurity Security = "permissive"
)
