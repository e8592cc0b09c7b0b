package desktop

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"kextwatch/notify"
)

const maxInput = 64 << 10 // bytes

// ReadAlert reads an alert that a Poster wrote to its child: the first line is the
// title, the rest is the body. It returns an error if there is no title or the
// text is longer than 64 KiB.
func ReadAlert(r io.Reader, urgent bool) (notify.Alert, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return notify.Alert{}, fmt.Errorf("reading the text of the notification: %w", err)
	}
	if len(text) > maxInput {
		return notify.Alert{}, fmt.Errorf("the text of the notification is longer than %d bytes", maxInput)
	}
	title, body, _ := strings.Cut(string(text), "\n")
	if strings.TrimSpace(title) == "" {
		return notify.Alert{}, errors.New("the notification has no title; write the title as the first line of standard input, then the text")
	}
	return notify.Alert{Title: title, Body: body, Urgent: urgent}, nil
}
