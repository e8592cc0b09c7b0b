// Package framework queries SystemPolicy.framework, the policy source that an
// ordinary user may use, and decides when to query it again.
//
// Its only way to the framework are scripts of its own for Apple's osascript. It
// runs no other program, writes nothing, and accepts no answer that it does not
// know completely. The script for the policy was written from the headers of the framework in
// macOS 10.14 and the analysis "syspolicyd internals" of 2019.
package framework

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const frameworkProtocol = 1 // the version of the answers of framework.js

// frameworkScript is an argument of osascript and not a file, so nobody can
// replace it. It is the same at every call.
//
//go:embed framework.js
var frameworkScript string

var (
	errFrameworkGone   = errors.New("differs from the macOS versions that kextwatch knows")
	errFrameworkFailed = errors.New("did not answer")
	errNoRows          = errors.New("it returned no kernel extensions, but it returned some before")
)

// Read queries SystemPolicy.framework of macOS. An ordinary user may do this
// (certain for 10.14, likely for later versions; see the analysis "syspolicyd
// internals" of 2019). The framework knows neither the times of load attempts
// nor what a profile allows. Read may take as long as a tool may take. now
// becomes ReadAt. The policy is nil unless the state of the source is probe.OK.
func Read(ctx context.Context, m root.FS, now time.Time) (*probe.Policy, probe.Source) {
	out, err := tool.Query(ctx, m, probe.OsascriptTool, "-l", "JavaScript", "-e", frameworkScript)
	if err != nil {
		return nil, frameworkProblem(err)
	}
	rows, err := decodeFramework(out)
	if err != nil {
		return nil, frameworkProblem(err)
	}
	return &probe.Policy{Source: probe.Framework, ReadAt: now.UTC(), Rows: rows},
		probe.Source{Name: probe.Framework, State: probe.OK}
}

// frameworkAnswer is the output of framework.js.
type frameworkAnswer struct {
	Protocol int              `json:"protocol"`
	State    string           `json:"state"`
	Reason   string           `json:"reason"`
	Current  *[]frameworkItem `json:"current"` // all rows of the policy
	Pending  *[]frameworkItem `json:"pending"` // null: not known
}

// frameworkItem is one SPKernelExtensionPolicyItem: the extensions that one
// click on Allow approves. An unknown value is null or an empty text.
type frameworkItem struct {
	Developer   string   `json:"developer"`
	Application string   `json:"application"`
	Path        string   `json:"path"`
	Team        string   `json:"team"`
	Bundles     []string `json:"bundles"`
	Allowed     *bool    `json:"allowed"`
	Restart     *bool    `json:"restart"`
	Modified    *bool    `json:"modified"` // undocumented; never used
	Upgrade     *bool    `json:"upgrade"`
}

// decodeFramework converts an answer into rows, one for each bundle ID.
func decodeFramework(out []byte) ([]probe.PolicyRow, error) {
	var answer frameworkAnswer
	decoder := json.NewDecoder(bytes.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&answer); err != nil {
		return nil, fmt.Errorf("its answer cannot be read: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("its answer has more data after its end")
	}
	switch {
	case answer.Protocol != frameworkProtocol:
		return nil, fmt.Errorf("its answer has the unknown version %d", answer.Protocol)
	case answer.State == "unsupported":
		return nil, fmt.Errorf("%w: %s", errFrameworkGone, answer.Reason)
	case answer.State == "failed":
		return nil, fmt.Errorf("%w: %s", errFrameworkFailed, answer.Reason)
	case answer.State != "ok" || answer.Current == nil:
		return nil, fmt.Errorf("%w: its answer has the state %q and no policy", errFrameworkFailed, answer.State)
	}
	rows, err := frameworkRows(*answer.Current)
	if err != nil || answer.Pending == nil {
		return rows, err
	}
	pending, err := frameworkRows(*answer.Pending)
	if err != nil {
		return nil, err
	}
	return markPending(rows, pending)
}

func frameworkRows(items []frameworkItem) ([]probe.PolicyRow, error) {
	var rows []probe.PolicyRow
	for _, item := range items {
		if item.Allowed == nil {
			return nil, errors.New(`its answer has an item without "allowed"`)
		}
		if len(item.Bundles) == 0 { // nobody knows which extensions wait, or are allowed
			return nil, errors.New("its answer has an item without bundle IDs")
		}
		for _, bundle := range item.Bundles {
			if len(rows) == probe.MaxRows {
				return nil, probe.ErrTooManyRows
			}
			row := probe.PolicyRow{
				TeamID: probe.Cap(item.Team), BundleID: probe.Cap(bundle), Allowed: *item.Allowed, Developer: probe.Cap(item.Developer),
				App: probe.Cap(item.Application), AppPath: probe.Cap(item.Path), PendingUpgrade: answerOf(item.Upgrade),
			}
			if row.Allowed {
				row.NeedsRestart = answerOf(item.Restart)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// markPending sets Pending of each row, and adds a row for each extension that
// waits in the pane and has none. What only the pending item tells completes its row.
func markPending(rows, pending []probe.PolicyRow) ([]probe.PolicyRow, error) {
	type kext struct{ team, bundle string }
	waits := map[kext]probe.PolicyRow{}
	for _, row := range pending {
		waits[kext{row.TeamID, row.BundleID}] = row
	}
	known := map[kext]bool{}
	for i := range rows {
		row := &rows[i]
		k := kext{row.TeamID, row.BundleID}
		known[k] = true
		waiting, waits := waits[k]
		row.Pending = probe.AnswerOf(waits)
		if waits {
			row.App, row.AppPath = cmp.Or(row.App, waiting.App), cmp.Or(row.AppPath, waiting.AppPath)
			row.Developer, row.PendingUpgrade = cmp.Or(row.Developer, waiting.Developer), cmp.Or(row.PendingUpgrade, waiting.PendingUpgrade)
		}
	}
	for _, row := range pending {
		if known[kext{row.TeamID, row.BundleID}] {
			continue
		}
		if len(rows) == probe.MaxRows {
			return nil, probe.ErrTooManyRows
		}
		row.Pending = probe.Yes
		rows = append(rows, row)
	}
	return rows, nil
}

func answerOf(yes *bool) probe.Answer {
	if yes == nil {
		return ""
	}
	return probe.AnswerOf(*yes)
}

// frameworkProblem returns the source for an error: its state, the reason, and
// what the user can do about it.
func frameworkProblem(err error) probe.Source {
	state, reason, next := explain(err)
	return probe.Source{Name: probe.Framework, State: state, Reason: probe.Printable(reason), Next: next}
}

func explain(err error) (state probe.SourceState, reason, next string) {
	const restart = "restart the Mac if this continues"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return probe.Absent, probe.OsascriptTool + " does not exist", "restart the Mac; the tool is part of macOS"
	case errors.Is(err, errFrameworkGone):
		return probe.Unsupported, "SystemPolicy.framework " + err.Error(), "look for a newer kextwatch that supports this macOS"
	case errors.Is(err, tool.ErrTimeout):
		return probe.Timeout, "SystemPolicy.framework did not answer in time", restart
	case errors.Is(err, tool.ErrTooMuch):
		return probe.Failed, "SystemPolicy.framework: " + err.Error(), restart
	}
	return probe.Failed, "SystemPolicy.framework: " + err.Error(), "try again; if this continues, report this message"
}
