package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kextwatch/agent/approval"
	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

func fullMemory() approval.Memory {
	when := time.Date(2026, 5, 6, 5, 45, 0, 0, time.UTC)
	return approval.Memory{
		LastRead: approval.LastRead{Source: probe.Database, At: when, Blocked: []string{"4C6364ACXT com.parallels.kext.vnic"}},
		Items: map[string]approval.ItemMemory{"4C6364ACXT /Applications/Parallels Desktop.app": {
			Window:    approval.Window{Number: 3, OpenedAt: when, ClosesAt: when.Add(30 * time.Minute), Basis: approval.Seen, Reopened: 2, Left: 7 * time.Minute, LeftAt: when},
			Windows:   3,
			Attempts:  []approval.Attempt{{At: when, Evidence: approval.Seen, BundleID: "com.parallels.kext.vnic"}},
			Dismissed: []approval.Attempt{{At: when, Evidence: approval.LoadHistory, BundleID: "com.parallels.kext.vnic"}},
			Session:   "S1",
		}},
		Kexts:     map[string]approval.KextMemory{"k": {Allowed: true, AllowedIn: "S1", LoadedVersion: "1 2", LoadedCDHash: "ab", AllowedEarlier: true, RefusedIn: "S1", RestartIn: "S1", UpgradeIn: "S1"}},
		Announced: map[string]approval.Announced{"4C6364ACXT com.parallels.kext.": {Verdict: approval.BlockedOpen, Before: approval.BlockedOpen, Windows: []string{"w 3"}, Reminded: 15, Awaiting: true, Posting: true}},
		OS:        probe.OSVersion{Version: "26.3.1", Build: "25D2128", Extra: "(a)"},
		Versions:  map[string]string{"4C6364ACXT com.parallels.kext.": "26.4.1-57516"},
		Source:    probe.Database,
		Disagree:  "the framework knows less",
		Offered:   []string{"27.0"},
		Snoozed:   when,
		Seq:       42,
	}
}

func TestMemoryIsReadAsSaved(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Lock, "")
	st, _ := Open(p, time.Now())
	mem := fullMemory()
	if _, err := st.Save(mem); err != nil {
		t.Fatal(err)
	}
	again, warnings := Open(p, time.Now())
	if len(warnings) > 0 || !sameMemory(mem, again.Memory.Memory) {
		t.Errorf("read back %+v (%q), want %+v", again.Memory.Memory, warnings, mem)
	}
	if got := again.Memory.Memory.Items["4C6364ACXT /Applications/Parallels Desktop.app"].Window.Left; got != 7*time.Minute {
		t.Errorf("%v left, want 7 minutes", got)
	}
	info, err := os.Stat(p.Memory)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
}

func TestMemoryIsWrittenOnlyForNews(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Lock, "")
	st, _ := Open(p, time.Now())
	mem := fullMemory()
	if _, err := st.Save(mem); err != nil {
		t.Fatal(err)
	}
	first, _ := os.Stat(p.Memory)
	mem.LastRead.At = mem.LastRead.At.Add(time.Minute)
	if _, err := st.Save(mem); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.Stat(p.Memory); !os.SameFile(first, again) {
		t.Error("a snapshot without news was written")
	}
	mem.Seq++
	if _, err := st.Save(mem); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.Stat(p.Memory); os.SameFile(first, again) {
		t.Error("news was not written")
	}
}

func TestDamagedMemoryIsRenamed(t *testing.T) {
	for _, content := range []string{"", "rubbish", "<plist><dict></dict></plist>", strings.Repeat("x", 2<<20)} {
		p := PlacesIn(t.TempDir())
		mactest.WriteFile(t, p.Memory, content)
		st, warnings := Open(p, time.Now())
		renamed, _ := filepath.Glob(p.Memory + ".damaged-*")
		if len(warnings) != 1 || len(renamed) != 1 || !strings.Contains(warnings[0], renamed[0]) {
			t.Fatalf("%.10q: warnings %q, renamed to %q; want one warning that names the new file", content, warnings, renamed)
		}
		kept, err := os.ReadFile(renamed[0])
		if err != nil || !bytes.Equal(kept, []byte(content)) {
			t.Errorf("%.10q: the renamed file has another content", content)
		}
		if _, err := st.Save(fullMemory()); err != nil {
			t.Error(err)
		}
	}
}

// A directory in place of the memory is renamed, too. Otherwise the memory would
// stay unreadable, and each start would announce everything again.
func TestDirectoryInPlaceOfTheMemoryIsRenamed(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Lock, "")
	if err := os.Mkdir(p.Memory, 0o700); err != nil { // root may read any file, but no directory
		t.Fatal(err)
	}
	st, warnings := Open(p, time.Now())
	if len(warnings) != 1 {
		t.Errorf("warnings %q, want one", warnings)
	}
	if _, err := st.Save(fullMemory()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(p.Memory); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

// An event is in the saved memory before it is in the history. After a crash in
// between, the next start writes it to the history, once.
func TestPendingEventsReachTheHistoryOnce(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Lock, "")
	st, _ := Open(p, time.Now())
	st.Pending = []Event{{Schema: 1, Seq: 1, Event: approval.AgentStarted}, {Schema: 1, Seq: 2, Event: approval.WindowOpened}}
	if _, err := st.Save(fullMemory()); err != nil {
		t.Fatal(err)
	}
	if err := p.Journal().Append([]string{st.Pending[0].Line()}); err != nil { // then the agent crashed
		t.Fatal(err)
	}
	for range 2 {
		st, _ = Open(p, time.Now())
		if _, err := st.Record(); err != nil {
			t.Fatal(err)
		}
	}
	events, err := p.Journal().Read(time.Time{})
	if err != nil || len(events) != 2 || events[1].Event != approval.WindowOpened {
		t.Errorf("history %+v, %v; want each event once", events, err)
	}
}

// The event numbers continue after the memory was lost.
func TestEventNumbersNeverRepeat(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.History, `{"schema":1,"seq":41,"event":"agent-started"}`+"\n"+`{"seq":`)
	st, _ := Open(p, time.Now())
	if st.Memory.Memory.Seq != 41 {
		t.Errorf("seq %d, want 41", st.Memory.Memory.Seq)
	}
}

func TestHistoryAfterAPartialLine(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.History, `{"schema":1,"seq":1,"event":"agent-started"}`+"\n"+`{"schema":1,"seq":2,"ev`)
	j := p.Journal()
	if err := j.Append([]string{Event{Schema: 1, Seq: 3, Event: approval.AgentStopped}.Line()}); err != nil {
		t.Fatal(err)
	}
	events, err := j.Read(time.Time{})
	if err != nil || len(events) != 2 || events[0].Seq != 1 || events[1].Seq != 3 {
		t.Errorf("history %+v, %v; want 1 and 3", events, err)
	}
}

func TestHistoryIsRotated(t *testing.T) {
	p := PlacesIn(t.TempDir())
	j := p.Journal()
	mactest.WriteFile(t, p.Lock, "")
	seq := int64(0)
	for range 40 {
		var lines []string
		for range 100 {
			seq++
			lines = append(lines, Event{Schema: 1, Seq: seq, Event: approval.AgentStarted, Text: strings.Repeat("x", 1000)}.Line())
		}
		if err := j.Append(lines); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(p.History + "*")
	if len(files) != historyFiles {
		t.Errorf("%d files, want %d", len(files), historyFiles)
	}
	for _, f := range files {
		if info, _ := os.Stat(f); info.Size() > historySize+200_000 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, mode %v", f, info.Size(), info.Mode())
		}
	}
	events, err := j.Read(time.Time{})
	if err != nil || events[len(events)-1].Seq != seq {
		t.Fatalf("the newest event is missing: %v", err)
	}
	for i := 1; i < len(events); i++ {
		if events[i].Seq != events[i-1].Seq+1 {
			t.Fatalf("event %d follows %d", events[i].Seq, events[i-1].Seq)
		}
	}
}

// The agent does not wait for a named pipe in place of one of its files.
func TestPipeInPlaceOfAFile(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.Lock, "")
	for _, name := range []string{p.Memory, p.History} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, warnings := Open(p, time.Now()); len(warnings) != 1 {
		t.Errorf("warnings %q, want one about the memory", warnings)
	}
	if _, err := p.Journal().Read(time.Time{}); err == nil {
		t.Error("a pipe was read as the history")
	}
}

// Of a history that grew past its limit, the newest part is read, and the numbers
// continue.
func TestHistoryThatGrewTooLarge(t *testing.T) {
	p := PlacesIn(t.TempDir())
	var all strings.Builder
	last := int64(0)
	for all.Len() < 3*historySize {
		last++
		all.WriteString(Event{Schema: 1, Seq: last, Event: approval.AgentStarted, Text: strings.Repeat("x", 500)}.Line() + "\n")
	}
	mactest.WriteFile(t, p.History, all.String())
	events, err := p.Journal().Read(time.Time{})
	if err != nil || len(events) < 1000 || events[len(events)-1].Seq != last {
		t.Fatalf("%d events, %v; want the newest", len(events), err)
	}
	if first := events[0].Seq; first != last-int64(len(events))+1 || first == 1 {
		t.Errorf("%d events from number %d to %d", len(events), first, last)
	}
	if st, _ := Open(p, time.Now()); st.Memory.Memory.Seq != last {
		t.Errorf("the next event gets a number after %d, want after %d", st.Memory.Memory.Seq, last)
	}
}

// When the disk fills up in the middle of a line, the history keeps no part of
// the lines, so that no event appears twice.
func TestHistoryOnAFullDisk(t *testing.T) {
	p := PlacesIn(t.TempDir())
	mactest.WriteFile(t, p.History, `{"schema":1,"seq":1,"event":"agent-started"}`+"\n")
	j := p.Journal()
	lines := []string{Event{Schema: 1, Seq: 2, Event: approval.AgentStopped}.Line(), Event{Schema: 1, Seq: 3, Event: approval.AgentStarted}.Line()}
	if err := mactest.OnFullDisk(t, 120, func() error { return j.Append(lines) }); err == nil {
		t.Fatal("the disk was not full")
	}
	if err := j.Append(lines); err != nil {
		t.Fatal(err)
	}
	events, err := j.Read(time.Time{})
	if err != nil || len(events) != 3 {
		t.Errorf("history %+v, %v; want three events, each once", events, err)
	}
}
