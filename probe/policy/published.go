package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/root"
)

const (
	publishedFormat = 1
	publishedPerm   = fs.FileMode(0o644)
	publishedFolder = fs.FileMode(0o755)

	// Three full tables with values of usual length have about 8 MB.
	publishedLimit = 16 << 20
)

// publishedCost allows probe.MaxRows rows of each table, with a key and a value
// for each column.
var publishedCost = root.PlistCost{Nodes: 40 * probe.MaxRows, Bytes: 2 * publishedLimit}

var errFormat = errors.New("was written by another version of kextwatch")

// publication is the content of probe.PublishedPolicy: the last rows that were
// read, the state of the database to which they belong, and the failure of a
// later read. It is a binary property list, which can hold any text, including
// control characters. The tags are the format: readers and agents of different
// versions exchange it.
type publication struct {
	Format   int                `plist:"format"`
	Database databaseIdentity   `plist:"database"` // the state that the rows show
	ReadAt   *time.Time         `plist:"read_at,omitempty"`
	Rows     []publishedRow     `plist:"kext_policy"`
	MDM      []publishedMDM     `plist:"kext_policy_mdm"`
	History  []publishedHistory `plist:"kext_load_history"`
	Failure  *publishedFailure  `plist:"failure,omitempty"`

	HistoryErr string `plist:"history_error,omitempty"` // probe.Policy.HistoryErr; earlier readers do not write it
}

type publishedRow struct {
	TeamID    string `plist:"team_id"`
	BundleID  string `plist:"bundle_id"`
	Allowed   bool   `plist:"allowed"`
	Developer string `plist:"developer_name"`
}

type publishedMDM struct {
	TeamID   string `plist:"team_id"`
	BundleID string `plist:"bundle_id"`
	Allowed  bool   `plist:"allowed"`
}

type publishedHistory struct {
	Path     string     `plist:"path"`
	TeamID   string     `plist:"team_id"`
	BundleID string     `plist:"bundle_id"`
	LastSeen *time.Time `plist:"last_seen,omitempty"`
	CDHash   string     `plist:"cdhash"`
}

// publishedFailure says why a read after ReadAt failed, and since when reads
// fail.
type publishedFailure struct {
	At     time.Time         `plist:"at"`
	State  probe.SourceState `plist:"state"`
	Reason string            `plist:"reason"`
	Next   string            `plist:"next"`
}

// source returns the failure as the result of querying the reader.
func (f publishedFailure) source() probe.Source {
	state := f.State
	switch state {
	case probe.Absent, probe.Denied, probe.Busy, probe.Damaged, probe.NotADatabase, probe.UnknownSchema, probe.Timeout:
	default:
		state = probe.Failed
	}
	return probe.Source{Name: probe.Reader, State: state, Reason: probe.Printable(f.Reason), Next: probe.Printable(f.Next)}
}

// newPublication copies those parts of a policy that every user may read.
func newPublication(id databaseIdentity, policy probe.Policy) publication {
	readAt := policy.ReadAt.Truncate(time.Second)
	p := publication{Format: publishedFormat, Database: id, ReadAt: &readAt, HistoryErr: policy.HistoryErr}
	for _, r := range policy.Rows {
		p.Rows = append(p.Rows, publishedRow{r.TeamID, r.BundleID, r.Allowed, r.Developer})
	}
	for _, r := range policy.MDM {
		p.MDM = append(p.MDM, publishedMDM{r.TeamID, r.BundleID, r.Allowed})
	}
	for _, r := range policy.History {
		p.History = append(p.History, publishedHistory{publicPath(r.Path), r.TeamID, r.BundleID, dateOf(r.LastSeen), r.CDHash})
	}
	return p
}

// publicFolders hold the programs of all users.
var publicFolders = []string{"applications", "library", "opt", "system", "usr"}

// publicPath returns the path of a load record if it is in a folder with the
// programs of all users, and else an empty string. A path in a home reveals the
// user and the user's files to the other users of the Mac. The record itself is
// published: its times prove a load attempt.
func publicPath(name string) string {
	parts := strings.Split(strings.ToLower(probe.Unstaged(name)), "/")
	switch {
	case path.Clean(name) != name, len(parts) < 2, parts[0] != "":
		return ""
	case !slices.Contains(publicFolders, parts[1]):
		return ""
	case slices.Contains(parts, "users"), slices.Contains(parts, "home"): // /System/Volumes/Data has homes, too
		return ""
	}
	return name
}

func dateOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// timeOf returns the zero time for a missing date and for one that macOS cannot
// have written.
func timeOf(date *time.Time) time.Time {
	if date == nil {
		return time.Time{}
	}
	utc := date.UTC()
	if utc.Year() < 1970 || utc.Year() > 9999 {
		return time.Time{}
	}
	return utc.Round(time.Millisecond) // a property list stores a floating-point number of seconds
}

// good reports whether there are rows, of any age.
func (p publication) good() bool { return !timeOf(p.ReadAt).IsZero() }

// stillHolds reports whether reading the database again cannot give other rows.
func (p publication) stillHolds(id databaseIdentity) bool {
	return p.good() && p.Failure == nil && p.Database == id && id.sure(timeOf(p.ReadAt))
}

// failed reports whether this failure is already published.
func (p publication) failed(source probe.Source) bool {
	f := p.Failure
	return f != nil && f.State == source.State && f.Reason == source.Reason && f.Next == source.Next
}

// policy returns the published rows with readAt as their time. It limits texts
// like the rows of the database.
func (p publication) policy(readAt time.Time) *probe.Policy {
	policy := &probe.Policy{Source: probe.Reader, ReadAt: readAt, HistoryErr: probe.Printable(p.HistoryErr)}
	for _, r := range p.Rows {
		policy.Rows = append(policy.Rows, probe.PolicyRow{
			TeamID: probe.Cap(r.TeamID), BundleID: probe.Cap(r.BundleID), Allowed: r.Allowed, Developer: probe.Cap(r.Developer),
		})
	}
	for _, r := range p.MDM {
		policy.MDM = append(policy.MDM, probe.MDMRow{TeamID: probe.Cap(r.TeamID), BundleID: probe.Cap(r.BundleID), Allowed: r.Allowed})
	}
	for _, r := range p.History {
		policy.History = append(policy.History, probe.LoadRecord{
			Path: probe.Cap(r.Path), TeamID: probe.Cap(r.TeamID), BundleID: probe.Cap(r.BundleID),
			LastSeen: timeOf(r.LastSeen), CDHash: probe.Cap(r.CDHash),
		})
	}
	if policy.HistoryErr == "" {
		policy.HistoryErr = untimed(policy.History)
	}
	return policy
}

// encode returns an error if decodePublication would refuse the result.
func (p publication) encode() ([]byte, error) {
	data, err := plist.Marshal(p, plist.BinaryFormat)
	if err != nil {
		return nil, err
	}
	if _, err := decodePublication(data); err != nil {
		return nil, err
	}
	return data, nil
}

func decodePublication(data []byte) (publication, error) {
	if len(data) > publishedLimit {
		return publication{}, fmt.Errorf("%w: larger than %d bytes", root.ErrTooLarge, publishedLimit)
	}
	var p publication
	if err := root.DecodePlistWithin(data, &p, publishedCost); err != nil {
		return publication{}, err
	}
	switch {
	case p.Format != publishedFormat:
		return publication{}, errFormat
	case len(p.Rows) > probe.MaxRows || len(p.MDM) > probe.MaxRows || len(p.History) > probe.MaxRows:
		return publication{}, probe.ErrTooManyRows
	}
	return p, nil
}

// loadPublication reads probe.PublishedPolicy, and its permissions. It returns a
// *root.Untrusted error if a user other than the owner of Root may have written
// the file.
func loadPublication(m root.FS) (publication, fs.FileMode, error) {
	data, info, err := m.ReadGuarded(probe.PublishedPolicy, publishedLimit+1)
	if err != nil {
		return publication{}, 0, err
	}
	pub, err := decodePublication(data)
	return pub, info.Mode().Perm(), err
}
