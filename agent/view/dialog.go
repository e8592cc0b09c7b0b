package view

import (
	"fmt"
	"kextwatch/agent/approval"
	"kextwatch/notify"
)

// The buttons of Dialog, from left to right, counted from 1.
const (
	LaterButton = 1 + iota
	RemindButton
	OpenButton
)

// Dialog returns a dialog for a notice about an open window. Its buttons work;
// those of a notification do not.
func Dialog(n approval.Notice, st approval.Status) notify.Dialog {
	title, _ := alertWords(n, st, false)
	pane := PaneFor(st.Mac.OS)
	allow := "Click Allow there"
	if len(st.OtherPending) > 0 {
		allow = fmt.Sprintf("Click Details…, select “%s” and click OK", Clean(n.Product.Developer))
	}
	text := sentences(Why(n.Product, st), allow)
	if o := obstacle(n.Product, st); o != nil {
		text = sentences(text, o.Title, o.Next)
	}
	return notify.Dialog{
		Title:   "kextwatch",
		Text:    title + "\n\n" + text,
		Buttons: []string{"Later", "Remind Me in 5 Minutes", fmt.Sprintf("Open %s", pane.Name)},
		Default: OpenButton - 1,
		Cancel:  LaterButton - 1,
	}
}
