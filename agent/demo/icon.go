package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kextwatch/notify"
)

// icon is the icon of the simulated Mac. The icon on the desktop, if there is one, shows
// the same menu, and its clicks count as well.
type icon struct {
	desktop notify.Tray // nil: there is no desktop
	clicked chan notify.Action
	changed chan struct{} // the menu may be another one

	mu   sync.Mutex
	menu notify.Menu
}

func newIcon(ctx context.Context, desktop notify.Tray) *icon {
	i := &icon{desktop: desktop, clicked: make(chan notify.Action), changed: make(chan struct{}, 1)}
	if desktop != nil {
		go i.passOn(ctx)
	}
	return i
}

// passOn passes on the clicks on the desktop's icon.
func (i *icon) passOn(ctx context.Context) {
	for {
		select {
		case action := <-i.desktop.Clicks():
			if i.click(ctx, action) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// click hands a click to the agent.
func (i *icon) click(ctx context.Context, action notify.Action) error {
	select {
	case i.clicked <- action:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (i *icon) Show(menu notify.Menu) {
	i.mu.Lock()
	i.menu = menu
	i.mu.Unlock()
	select {
	case i.changed <- struct{}{}:
	default:
	}
	if i.desktop != nil {
		i.desktop.Show(menu)
	}
}

func (i *icon) Clicks() <-chan notify.Action { return i.clicked }

func (i *icon) current() notify.Menu {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.menu
}

// invitation is how long the demo waits for a click of the user before it clicks itself, in
// the time of the story.
const invitation = 4 * time.Minute

// click clicks the icon and the first entry of its menu, and waits until the Mac has opened
// what the entry opens. The user can be faster.
func (d *demo) click(ctx context.Context, entry notify.Action) error {
	ctx, cancel := context.WithTimeoutCause(ctx, slow, fmt.Errorf("the click on %s opened nothing", entry))
	defer cancel()
	menu := d.icon.current()
	for ; menu.Primary.Action != entry || menu.Primary.Label == ""; menu = d.icon.current() {
		select {
		case <-d.icon.changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for len(d.opened) > 0 {
		<-d.opened // the user clicked before
	}
	d.screen.say("menu", menu.State)
	d.screen.say("menu", "> "+menu.Primary.Label)
	wait := time.Duration(0)
	if d.Tray != nil {
		d.screen.say("demo", "Click the icon and this entry, or wait: the demo does it for you.")
		wait = invitation
	}
	late := d.clock.After(wait)
	for {
		select {
		case opened := <-d.opened:
			if opened == entry {
				return nil
			}
		case <-late:
			if err := d.icon.click(ctx, entry); err != nil {
				return context.Cause(ctx)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
