//go:build cgo && (darwin || tray)

package tray

import (
	"errors"
	"os"
	"runtime"

	"github.com/getlantern/systray"

	"kextwatch/notify"
)

// New returns the tray; Run shows it. On Linux New returns an error if there is no
// display, because GTK would then end the process. A process can have only one
// tray.
func New() (notify.Tray, error) {
	if runtime.GOOS != "darwin" && os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil, errors.New("there is no display for an icon (DISPLAY and WAYLAND_DISPLAY are not set); start kextwatch in a desktop session, or with --headless")
	}
	return realTray{newTray()}, nil
}

type realTray struct{ *tray }

// Run shows the icon until Quit.
func (t realTray) Run(ready func()) {
	select {
	case <-t.quit:
		return
	default:
	}
	openBus()
	systray.Run(func() {
		t.serve(menuBar{t}, ready)
		systray.Quit()
	}, nil)
}

// menuBar implements bar with systray.
type menuBar struct{ tray realTray }

func (menuBar) SetIcon(icon notify.Icon) {
	p := picturesOf(icon)
	systray.SetTemplateIcon(p.template, p.badge)
}

func (menuBar) SetTitle(title string)     { setTitle(title) }
func (menuBar) SetTooltip(tooltip string) { systray.SetTooltip(tooltip) }
func (menuBar) AddSeparator()             { systray.AddSeparator() }

func (b menuBar) AddLine(action notify.Action) entry {
	return b.entry(systray.AddMenuItem("", ""), action)
}

func (b menuBar) entry(item *systray.MenuItem, action notify.Action) menuItem {
	if action != "" {
		go b.tray.forward(item.ClickedCh, action)
	}
	return menuItem{item, b}
}

// menuItem implements entry with a line of systray.
type menuItem struct {
	*systray.MenuItem
	bar menuBar
}

func (m menuItem) AddLine(action notify.Action) entry {
	return m.bar.entry(m.AddSubMenuItem("", ""), action)
}
