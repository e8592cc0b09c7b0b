//go:build desktop && linux

package desk

import (
	"image"
	"image/color"
	"io"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// Screen is the content of a display, and its mouse.
type Screen struct {
	conn *xgb.Conn
	root xproto.Window
	size image.Point
}

func openScreen(t testing.TB, display string) *Screen {
	t.Helper()
	xgb.Logger.SetOutput(io.Discard) // it warns that this display has no password
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if err := xtest.Init(conn); err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(conn).DefaultScreen(conn)
	return &Screen{conn, screen.Root, image.Pt(int(screen.WidthInPixels), int(screen.HeightInPixels))}
}

// paint gives the empty screen a color.
func (s *Screen) paint(t testing.TB, c color.RGBA) {
	t.Helper()
	pixel := uint32(c.R)<<16 | uint32(c.G)<<8 | uint32(c.B)
	xproto.ChangeWindowAttributes(s.conn, s.root, xproto.CwBackPixel, []uint32{pixel})
	if err := xproto.ClearAreaChecked(s.conn, false, s.root, 0, 0, 0, 0).Check(); err != nil {
		t.Fatalf("painting the screen: %v", err)
	}
}

// Shot returns a picture of the whole screen without the pointer.
func (s *Screen) Shot(t testing.TB) *image.RGBA {
	t.Helper()
	reply, err := xproto.GetImage(s.conn, xproto.ImageFormatZPixmap, xproto.Drawable(s.root), 0, 0, uint16(s.size.X), uint16(s.size.Y), ^uint32(0)).Reply()
	if err != nil {
		t.Fatalf("taking a picture of the screen: %v", err)
	}
	img := image.NewRGBA(image.Rectangle{Max: s.size})
	for i := 0; i+3 < len(reply.Data) && i+3 < len(img.Pix); i += 4 {
		x, y := i/4%s.size.X, i/4/s.size.X
		img.SetRGBA(x, y, color.RGBA{reply.Data[i+2], reply.Data[i+1], reply.Data[i], 255})
	}
	return img
}

// Still waits until the screen is as wanted and no longer changes.
func (s *Screen) Still(t testing.TB, what string, wanted func(*image.RGBA) bool) *image.RGBA {
	t.Helper()
	last := s.Shot(t)
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		shot := s.Shot(t)
		if Difference(last, shot).Empty() && wanted(shot) {
			return shot
		}
		last = shot
	}
	t.Fatalf("the screen never showed %s", what)
	return nil
}

// Click moves the pointer to a position and presses the first button.
func (s *Screen) Click(t testing.TB, at image.Point) {
	t.Helper()
	s.Move(t, at)
	for _, event := range []byte{xproto.ButtonPress, xproto.ButtonRelease} {
		s.fake(t, event, 1, at)
	}
}

// Move moves the pointer to a position.
func (s *Screen) Move(t testing.TB, at image.Point) {
	t.Helper()
	s.fake(t, xproto.MotionNotify, 0, at)
}

// Escape presses the Escape key, which closes a menu. Its code is 9 on current X
// servers.
func (s *Screen) Escape(t testing.TB) {
	t.Helper()
	s.fake(t, xproto.KeyPress, 9, image.Point{})
	s.fake(t, xproto.KeyRelease, 9, image.Point{})
}

func (s *Screen) fake(t testing.TB, event, detail byte, at image.Point) {
	t.Helper()
	if err := xtest.FakeInputChecked(s.conn, event, detail, 0, s.root, int16(at.X), int16(at.Y), 0).Check(); err != nil {
		t.Fatalf("the mouse or the keyboard: %v", err)
	}
}

// Difference returns the smallest rectangle that contains all differences of two
// pictures of the same size.
func Difference(a, b *image.RGBA) image.Rectangle {
	var all image.Rectangle
	for y := a.Rect.Min.Y; y < a.Rect.Max.Y; y++ {
		for x := a.Rect.Min.X; x < a.Rect.Max.X; x++ {
			if a.RGBAAt(x, y) != b.RGBAAt(x, y) {
				all = all.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return all
}
