// Package assets holds kextwatch's pictures.
//
// There is one icon for each notify.Icon. They differ by shape, not only by color: a
// check in a ring (all is well), a filled clock face (waiting for approval), a cross
// (blocked, without a button), a triangle with an exclamation mark (something else to
// do) and a question mark (unknown). Each icon has two PNG files
// of 32 × 32 pixels, because the menu bar of a Mac shows it 16 points wide:
//
//   - a template image, only black and transparent, which macOS colors for a dark,
//     light, tinted or selected menu bar;
//   - a badge, white on a dark square, for panels that do not color icons.
//
// The program in draw draws the pictures and app.icns, the icon of the macOS
// application. After a change there, run "make icons" and check the pictures,
// enlarged and at 16 pixels.
package assets

import _ "embed" // the pictures

//go:generate go run ./draw

// Template images, black and transparent.
var (
	//go:embed well.png
	Well []byte
	//go:embed waiting.png
	Waiting []byte
	//go:embed blocked.png
	Blocked []byte
	//go:embed todo.png
	Todo []byte
	//go:embed unsure.png
	Unsure []byte
)

// Badges: the same shapes, white on a dark square.
var (
	//go:embed well-badge.png
	WellBadge []byte
	//go:embed waiting-badge.png
	WaitingBadge []byte
	//go:embed blocked-badge.png
	BlockedBadge []byte
	//go:embed todo-badge.png
	TodoBadge []byte
	//go:embed unsure-badge.png
	UnsureBadge []byte
)
