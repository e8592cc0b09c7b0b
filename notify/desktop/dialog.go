package desktop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kextwatch/notify"
	"kextwatch/probe/tool"
)

// ErrNoDialog says that this machine has no tool that shows dialogs. A notification has
// to do.
var ErrNoDialog = errors.New("no dialogs can be shown on this machine")

// Dialogs shows dialogs with macOS's own osascript.
type Dialogs struct {
	Root string // absolute; osascript is looked up beneath it, on a Mac in use it is "/"
	UID  int    // the user who runs it
}

var _ notify.Asker = Dialogs{}

const (
	// dialogLimit is how long a dialog waits for an answer. Then it goes away.
	dialogLimit = 5 * time.Minute
	// askLimit is how long osascript may take. It shows the dialog itself, so
	// that one which hangs shows for no longer.
	askLimit = dialogLimit + 15*time.Second

	maxButton = 40 // characters
)

// dialogScript shows a dialog. It never changes: what is shown comes as arguments,
// which AppleScript takes as they are. The first of them is a number, so that
// none is mistaken for an option of osascript.
//
// Escape ends "display dialog" with error -128, User canceled (AppleScript
// Language Guide, Standard Additions); it is answered like a click.
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

// Ask shows the dialog and waits for the answer, for at most 5 minutes. It
// shows one dialog for each call; the caller sees to it that there is one at a
// time. The error is ErrNoDialog where there is no osascript.
func (d Dialogs) Ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	answer, err := d.ask(ctx, dialog)
	if err != nil {
		return "", fmt.Errorf("showing a dialog: %w", err)
	}
	return answer, nil
}

func (d Dialogs) ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	path, err := searchPath(d.Root)
	if err != nil {
		return "", err
	}
	args, labels, err := arguments(dialog)
	if err != nil {
		return "", err
	}
	out, err := tool.Runner{Root: d.Root, UID: d.UID}.Run(ctx, tool.Spec{
		Path: filepath.Join(d.Root, "/usr/bin/osascript"), Args: args, Env: environment(path, os.LookupEnv), Limit: askLimit,
	})
	switch {
	case err == nil:
		return answered(string(out.Stdout), labels, dialog.Buttons)
	case errors.Is(err, tool.ErrTimeout):
		return "", fmt.Errorf("no answer within %v: %w", askLimit, os.ErrDeadlineExceeded)
	case errors.Is(err, fs.ErrNotExist):
		return "", ErrNoDialog
	}
	return "", inWords(err)
}

// arguments are those of osascript, and the labels as they are shown.
func arguments(dialog notify.Dialog) (args, labels []string, err error) {
	n := len(dialog.Buttons)
	if n < 1 || n > 3 {
		return nil, nil, fmt.Errorf("a dialog has one to three buttons, not %d", n)
	}
	if dialog.Default < 0 || dialog.Default >= n || dialog.Cancel < 0 || dialog.Cancel >= n {
		return nil, nil, fmt.Errorf("the buttons %d and %d are not among %d", dialog.Default, dialog.Cancel, n)
	}
	for _, b := range dialog.Buttons {
		label := oneLine(b, maxButton)
		if label == "" || slices.Contains(labels, label) {
			return nil, nil, fmt.Errorf("the button %q has no label of its own", b)
		}
		labels = append(labels, label)
	}
	args = []string{
		"-e", dialogScript,
		strconv.Itoa(int(dialogLimit / time.Second)), strconv.Itoa(dialog.Default + 1), strconv.Itoa(dialog.Cancel + 1),
		oneLine(dialog.Title, maxTitle), cut(plain(dialog.Text), maxBody),
	}
	return append(args, labels...), labels, nil
}

// answered finds the button in what osascript printed: a record in the form
// "button returned:Later, gave up:false". Only a whole match counts, for a
// label may hold anything.
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
	return "", fmt.Errorf("osascript answered %q, which names none of the buttons", cut(plain(printed), maxTitle))
}
