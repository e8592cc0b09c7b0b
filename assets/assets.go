// Package assets holds kextwatch's pictures.
//
// There are four icons, one for each notify.Icon, told apart by shape alone:
// a check in a ring (well), a filled clock face (waiting for approval), a
// circling arrow (something is left to do) and a question mark (cannot tell).
// Each comes twice, as PNG of 32 × 32 pixels, since a Mac's menu bar shows it
// 16 points wide:
//
//   - as a template image, black and transparency only, which macOS colours to
//     suit a dark, light, tinted or selected menu bar;
//   - as a badge, white on a dark square, for panels that colour nothing.
//
// The pictures are drawn by the program in draw, and app.icns, the icon of the
// macOS application, with them. After a change there, run "make icons" and
// look at them, enlarged and at 16 pixels.
package assets

import _ "embed" // the pictures

//go:generate go run ./draw

// Template images.
var (
	//go:embed well.png
	Well []byte
	//go:embed waiting.png
	Waiting []byte
	//go:embed todo.png
	Todo []byte
	//go:embed unsure.png
	Unsure []byte
)

// The same shapes, white on a dark square.
var (
	//go:embed well-badge.png
	WellBadge []byte
	//go:embed waiting-badge.png
	WaitingBadge []byte
	//go:embed todo-badge.png
	TodoBadge []byte
	//go:embed unsure-badge.png
	UnsureBadge []byte
)

// App is the picture that stands for kextwatch in a notification, a PNG of
// 128 × 128 pixels.
//
//go:embed app.png
var App []byte
