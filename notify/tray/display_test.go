package tray

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"kextwatch/notify"
	"kextwatch/probe/hostile"
)

// recorder is a bar that records all calls. Like GTK it shows a hidden line when the
// line is changed.
type recorder struct {
	calls []string
	lines []*recorded
}

type recorded struct {
	bar              *recorder
	name             string
	action           notify.Action
	label            string
	enabled, visible bool
	checked          bool
	sub              bool // in the menu of another line
}

func (r *recorder) log(format string, args ...any) {
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

func (r *recorder) SetIcon(icon notify.Icon)  { r.log("icon %d", icon) }
func (r *recorder) SetTitle(title string)     { r.log("title %q", title) }
func (r *recorder) SetTooltip(tooltip string) { r.log("tooltip %q", tooltip) }
func (r *recorder) AddSeparator()             { r.lines = append(r.lines, &recorded{name: "----", visible: true}) }
func (r *recorder) AddLine(a notify.Action) entry {
	l := &recorded{bar: r, name: fmt.Sprint(len(r.lines)), action: a, enabled: true, visible: true}
	r.lines = append(r.lines, l)
	return l
}
func (r *recorder) AddMarked(a notify.Action) entry { return r.AddLine(a) }

func (l *recorded) AddLine(a notify.Action) entry {
	below := l.bar.AddLine(a).(*recorded)
	below.sub = true
	return below
}
func (l *recorded) Check()   { l.bar.log("%s check", l.name); l.checked, l.visible = true, true }
func (l *recorded) Uncheck() { l.bar.log("%s uncheck", l.name); l.checked, l.visible = false, true }

func (l *recorded) SetTitle(s string) { l.bar.log("%s %q", l.name, s); l.label, l.visible = s, true }
func (l *recorded) Enable()           { l.bar.log("%s enable", l.name); l.enabled, l.visible = true, true }
func (l *recorded) Disable()          { l.bar.log("%s disable", l.name); l.enabled, l.visible = false, true }
func (l *recorded) Show()             { l.bar.log("%s show", l.name); l.visible = true }
func (l *recorded) Hide()             { l.bar.log("%s hide", l.name); l.visible = false }

// take returns the calls since its last call.
func (r *recorder) take() []string {
	calls := r.calls
	r.calls = nil
	return calls
}

// text returns the menu as a user sees it, with disabled lines in brackets and the
// submenus at the end.
func (r *recorder) text() string {
	var lines []string
	for _, l := range r.lines {
		switch {
		case !l.visible:
		case l.bar == nil:
			lines = append(lines, l.name)
		case l.sub:
			lines = append(lines, "> "+l.label)
		case l.checked:
			lines = append(lines, "✓ "+l.label)
		case l.enabled:
			lines = append(lines, l.label)
		default:
			lines = append(lines, "("+l.label+")")
		}
	}
	return strings.Join(lines, "\n")
}

func waiting() notify.Menu {
	return notify.Menu{
		Icon:    notify.IconWaiting,
		Title:   "24m",
		Tooltip: "Parallels waits for approval",
		State:   "Parallels waits for approval",
		Primary: notify.Primary{Action: notify.OpenSettings, Label: "Open Security & Privacy…"},
		Next:    []string{"Click Allow, then restart the Mac."},
		Details: []string{"Parallels Desktop 16.5.1", "24 minutes left"},
		Items: map[notify.Action]notify.Item{
			notify.Retry:        {Label: "Try Again…"},
			notify.ShowHistory:  {Label: "History…", Enabled: true},
			notify.CheckNow:     {Label: "Check Now", Enabled: false},
			notify.SnoozeMenu:   {Label: "Snooze", Enabled: true},
			notify.Snooze:       {Label: "10 Minutes", Enabled: true},
			notify.SnoozeWindow: {Label: "Until the Button Goes", Enabled: true},
			notify.OpenAtLogin:  {Label: "Open at Login", Enabled: true, Checked: true},
			notify.ShowAbout:    {Label: "About kextwatch", Enabled: true},
			notify.Quit:         {Label: "Quit kextwatch", Enabled: true},
		},
	}
}

func TestSkeleton(t *testing.T) {
	r := &recorder{}
	newDisplay(r)
	if got, want := r.text(), "----\n----\n----"; got != want {
		t.Errorf("an empty menu shows\n%s", got)
	}
	if r.calls[0] != "icon 0" {
		t.Errorf("the first call is %q, want the icon that claims nothing", r.calls[0])
	}
	var actions []notify.Action
	for _, l := range r.lines {
		if l.action != "" {
			actions = append(actions, l.action)
		}
	}
	want := []notify.Action{
		notify.OpenSettings, notify.Retry, notify.ShowGuide, notify.CopyMessage, notify.OpenSettings, notify.Retry, notify.ShowGuide, notify.CopyGuide, notify.ShowHistory, notify.ShowDoctor, notify.ShowReport, notify.CheckNow, notify.Ignore,
		notify.Contact, notify.OpenAtLogin, notify.ShowAbout, notify.Quit, notify.Snooze, notify.SnoozeWindow, notify.EndSnooze,
	}
	if !slices.Equal(actions, want) {
		t.Errorf("actions %q, want %q", actions, want)
	}
}

func TestMenu(t *testing.T) {
	r := &recorder{}
	d := newDisplay(r)
	d.show(waiting())
	want := `(Parallels waits for approval)
Open Security & Privacy…
(Click Allow, then restart the Mac.)
Details
> Parallels Desktop 16.5.1
> 24 minutes left
----
(Try Again…)
History…
(Check Now)
Snooze
----
✓ Open at Login
About kextwatch
----
Quit kextwatch
> 10 Minutes
> Until the Button Goes`
	if got := r.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOnlyChangesAreWritten(t *testing.T) {
	r := &recorder{}
	d := newDisplay(r)
	menu := waiting()
	d.show(menu)
	r.take()
	for _, step := range []struct {
		name   string
		change func(*notify.Menu)
		calls  []string
	}{
		{"nothing", func(m *notify.Menu) {}, nil},
		{"icon", func(m *notify.Menu) { m.Icon = notify.IconTodo }, []string{"icon 4"}},
		{"title", func(m *notify.Menu) { m.Title = "23m" }, []string{`title "23m"`}},
		{"title gone", func(m *notify.Menu) { m.Title = "" }, []string{`title ""`}},
		{"tooltip", func(m *notify.Menu) { m.Tooltip = "x" }, []string{`tooltip "x"`}},
		{"state", func(m *notify.Menu) { m.State = "Restart" }, []string{`0 "Restart"`}},
		{"label", func(m *notify.Menu) { m.Primary.Label = "Open…" }, []string{`1 "Open…"`}},
		{"hidden", func(m *notify.Menu) { m.Primary.Label = "" }, []string{"1 hide"}},
		{"back, as it was", func(m *notify.Menu) { m.Primary.Label = "Open…" }, []string{"1 show"}},
		{"another action", func(m *notify.Menu) { m.Primary = notify.Primary{Action: notify.Retry, Label: "Try Again…"} }, []string{"1 hide", `2 "Try Again…"`, "2 show"}},
		{"back", func(m *notify.Menu) { m.Primary = notify.Primary{Action: notify.OpenSettings, Label: "Open…"} }, []string{"1 show", "2 hide"}},
		{"the next step", func(m *notify.Menu) { m.Next = []string{"one", "two", "three"} }, []string{`5 "one"`, `6 "two"`, "6 disable", "6 show"}},
		{"no next step", func(m *notify.Menu) { m.Next = nil }, []string{"5 hide", "6 hide"}},
		{"mark gone", func(m *notify.Menu) {
			m.Items = maps.Clone(m.Items)
			m.Items[notify.OpenAtLogin] = notify.Item{Label: "Open at Login", Enabled: true}
		}, []string{"27 uncheck"}},
		{"one detail less", func(m *notify.Menu) { m.Details = []string{"only"} }, []string{`8 "only"`, "9 hide"}},
		{"invisible is empty", func(m *notify.Menu) { m.Details = []string{"\u200b \x00"} }, []string{"8 hide", "7 hide"}},
		{"too many", func(m *notify.Menu) { m.Details = strings.Split("abcdefgh", "") },
			[]string{`8 "a"`, "8 show", `9 "b"`, "9 show", `10 "c"`, "10 disable", "10 show", `11 "d"`, "11 disable", "11 show", `12 "e"`, "12 disable", "12 show", `13 "f"`, "13 disable", "13 show", "7 show"}},
	} {
		step.change(&menu)
		d.show(menu)
		if calls := r.take(); !slices.Equal(calls, step.calls) {
			t.Errorf("%s: %q, want %q", step.name, calls, step.calls)
		}
	}
}

// A menu looks the same after any other menu, and showing it again changes nothing.
func FuzzDisplay(f *testing.F) {
	f.Add("State", "Primary", "detail", uint8(0b1010), "x\x00", "", "\xff", uint8(0b0101))
	f.Add("", "", "", uint8(0), "s", "p", "d", uint8(255))
	hostile.Fuzz(f, func(t *testing.T, s1, p1, d1 string, bits1 uint8, s2, p2, d2 string, bits2 uint8) {
		if len(s1+p1+d1+s2+p2+d2) > 6*64<<10 {
			t.Skip() // package view makes short texts
		}
		first, second := random(s1, p1, d1, bits1), random(s2, p2, d2, bits2)
		r, fresh := &recorder{}, &recorder{}
		d := newDisplay(r)
		d.show(first)
		d.show(second)
		newDisplay(fresh).show(second)
		if r.text() != fresh.text() {
			t.Errorf("%+v after %+v shows\n%s\nwant\n%s", second, first, r.text(), fresh.text())
		}
		r.take()
		d.show(second)
		if calls := r.take(); calls != nil {
			t.Errorf("shown again: %q", calls)
		}
	})
}

func random(state, primary, detail string, bits uint8) notify.Menu {
	bit := func(n int) bool { return bits>>n&1 == 1 }
	m := notify.Menu{State: state, Primary: notify.Primary{Action: notify.Primaries[int(bits)%len(notify.Primaries)], Label: primary}, Icon: notify.Icon(bits >> 6)}
	for i := range int(bits) % 9 {
		m.Details = append(m.Details, detail[:len(detail)*i/8])
	}
	if bit(4) {
		m.Items = map[notify.Action]notify.Item{notify.OpenAtLogin: {Label: detail, Enabled: bit(5), Checked: bit(3)}}
	}
	return m
}
