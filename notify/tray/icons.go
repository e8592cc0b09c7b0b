package tray

import (
	"kextwatch/assets"
	"kextwatch/notify"
)

// pictures are the PNG files of an icon: a template image for macOS and a badge for Linux
// and for pages.
type pictures struct{ template, badge []byte }

var icons = [...]pictures{
	notify.IconUnsure:  {assets.Unsure, assets.UnsureBadge},
	notify.IconWell:    {assets.Well, assets.WellBadge},
	notify.IconWaiting: {assets.Waiting, assets.WaitingBadge},
	notify.IconBlocked: {assets.Blocked, assets.BlockedBadge},
	notify.IconTodo:    {assets.Todo, assets.TodoBadge},
}

// picturesOf returns the pictures of an icon, and those of IconUnsure for an unknown one.
func picturesOf(icon notify.Icon) pictures {
	if int(icon) < len(icons) {
		return icons[icon]
	}
	return icons[notify.IconUnsure]
}

// Badge returns the picture of an icon that needs no coloring: a PNG of 32 × 32 pixels.
func Badge(icon notify.Icon) []byte { return picturesOf(icon).badge }
