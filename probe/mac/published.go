package mac

import (
	"time"

	"kextwatch/probe"
)

// readPublished reads what the root reader published of the policy.
func (m Mac) readPublished(time.Time) (*probe.Policy, probe.Source) {
	return nil, probe.Source{
		Name: probe.Reader, State: probe.Absent, Reason: "the root reader is not installed",
		Next: "let an administrator run `sudo kextwatch install --reader`",
	}
}
