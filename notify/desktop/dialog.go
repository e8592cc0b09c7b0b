package desktop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"kextwatch/notify"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// ErrNoDialog means that this machine has no tool that shows dialogs. Post a
// notification instead.
var ErrNoDialog = errors.New("this machine cannot show dialogs: osascript is missing")

// Dialogs shows dialogs with macOS's osascript.
type Dialogs struct {
	Root string // absolute path; osascript is looked up beneath it; "/" on a real Mac
	UID  int    // the user of this process
}

var _ notify.Asker = Dialogs{}

const (
	// dialogLimit is how long a dialog waits for an answer before it closes.
	dialogLimit = 5 * time.Minute
	// askLimit is the time limit of osascript. osascript itself shows the dialog,
	// so no dialog stays open longer.
	askLimit = dialogLimit + 15*time.Second

	maxButton = 40 // characters
)

// dialogScript shows a dialog. All texts are arguments and not part of the script.
// The first argument is a number, so that osascript takes no text for an option.
//
// Escape ends "display dialog" with error -128, User canceled (AppleScript Language
// Guide, Standard Additions). The script returns the same answer as for a click.
const dialogScript = `on run argv
	set labels to items 6 thru -1 of argv
	set cancelAt to (item 3 of argv) as integer
	try
		set reply to display dialog (item 5 of argv) with title (item 4 of argv) buttons labels default button ((item 2 of argv) as integer) cancel button cancelAt with icon caution giving up after ((item 1 of argv) as integer)
	on error number -128
		set reply to {button returned:(item cancelAt of labels), gave up:false}
	end try
	return reply
end run`

// Ask shows the dialog and waits up to 5 minutes for the answer. The caller must show
// only one dialog at a time. The error is ErrNoDialog if osascript is missing, and
// os.ErrDeadlineExceeded if osascript hangs.
func (d Dialogs) Ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	answer, err := d.ask(ctx, dialog)
	if err != nil {
		return "", fmt.Errorf("showing a dialog: %w", err)
	}
	return answer, nil
}

func (d Dialogs) ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	m := root.FS{Root: d.Root}
	path, err := searchPath(m)
	if err != nil {
		return "", err
	}
	osascript, err := m.Resolve("/usr/bin/osascript")
	if err != nil {
		return "", err
	}
	args, labels, err := arguments(dialog)
	if err != nil {
		return "", err
	}
	out, err := tool.Runner{Root: d.Root, UID: d.UID}.Run(ctx, tool.Spec{
		Path: osascript, Args: args, Env: environment(path, os.LookupEnv), Limit: askLimit,
	})
	switch {
	case err == nil:
		return answered(string(out.Stdout), labels, dialog.Buttons)
	case errors.Is(err, tool.ErrTimeout):
		return "", fmt.Errorf("no answer within %v: %w", askLimit, os.ErrDeadlineExceeded)
	case errors.Is(err, fs.ErrNotExist):
		return "", ErrNoDialog
	}
	return "", withMessage(err)
}

// arguments returns the arguments of osascript and the labels as they are shown.
func arguments(dialog notify.Dialog) (args, labels []string, err error) {
	if labels, err = labelsOf(dialog); err != nil {
		return nil, nil, err
	}
	args = []string{
		"-e", dialogScript,
		strconv.Itoa(int(dialogLimit / time.Second)), strconv.Itoa(dialog.Default + 1), strconv.Itoa(dialog.Cancel + 1),
		oneLine(dialog.Title, maxTitle), cut(lines(dialog.Text), maxBody),
	}
	return append(args, labels...), labels, nil
}

// labelsOf returns the labels as they are shown. They all differ.
func labelsOf(dialog notify.Dialog) (labels []string, err error) {
	n := len(dialog.Buttons)
	if n < 1 || n > 3 {
		return nil, fmt.Errorf("a dialog must have one to three buttons, not %d", n)
	}
	if dialog.Default < 0 || dialog.Default >= n || dialog.Cancel < 0 || dialog.Cancel >= n {
		return nil, fmt.Errorf("default button %d or cancel button %d is out of range: the dialog has %d buttons", dialog.Default, dialog.Cancel, n)
	}
	for _, b := range dialog.Buttons {
		label := oneLine(b, maxButton)
		if label == "" || slices.Contains(labels, label) {
			return nil, fmt.Errorf("the label of button %q is empty or used twice", b)
		}
		labels = append(labels, label)
	}
	return labels, nil
}

// answered finds the button in osascript's output, which has the form "button
// returned:Later, gave up:false". It compares the whole output, because a label may
// contain any text.
func answered(printed string, labels, buttons []string) (notify.Answer, error) {
	printed = strings.TrimSuffix(printed, "\n")
	if printed == "button returned:, gave up:true" {
		return "", nil
	}
	for i, label := range labels {
		if printed == "button returned:"+label+", gave up:false" {
			return notify.Answer(buttons[i]), nil
		}
	}
	return "", fmt.Errorf("osascript answered %q, which is not one of the buttons", cut(lines(printed), maxTitle))
}
