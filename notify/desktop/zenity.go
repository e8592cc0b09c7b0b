package desktop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"kextwatch/notify"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// HostDialogs shows dialogs on the desktop of this machine: with osascript on a Mac, and
// with zenity elsewhere. Only the demo uses it.
func HostDialogs(uid int) notify.Asker {
	if runtime.GOOS == "darwin" {
		return Dialogs{Root: "/", UID: uid}
	}
	return Zenity{Root: "/", UID: uid}
}

// ErrNoZenity means that this machine has no tool that shows dialogs.
var ErrNoZenity = errors.New("zenity is missing")

// Zenity shows dialogs with zenity, which belongs to many Linux desktops.
type Zenity struct {
	Root string // absolute path; zenity is looked up beneath it
	UID  int    // the user of this process
}

// The exit statuses of zenity(1).
const (
	zenityOtherButton = 1 // standard output has the label of an extra button
	zenityTimeout     = 5
)

// Ask shows the dialog and waits up to 5 minutes for the answer. Closing the window counts
// as the cancel button. The error is ErrNoZenity if zenity is missing.
func (z Zenity) Ask(ctx context.Context, dialog notify.Dialog) (notify.Answer, error) {
	labels, err := labelsOf(dialog)
	if err != nil {
		return "", fmt.Errorf("showing a dialog: %w", err)
	}
	path, err := searchPath(root.FS{Root: z.Root, UID: z.UID})
	if err != nil {
		return "", err
	}
	env := environment(path, os.LookupEnv)
	if cookie, ok := os.LookupEnv("XAUTHORITY"); ok {
		env = append(env, "XAUTHORITY="+cookie)
	}
	args := []string{
		"--question", "--no-markup", "--width=440", "--timeout=" + strconv.Itoa(int(dialogLimit/time.Second)),
		"--title=" + oneLine(dialog.Title, maxTitle), "--text=" + cut(lines(dialog.Text), maxBody),
		"--ok-label=" + labels[dialog.Default], "--cancel-label=" + labels[dialog.Cancel],
	}
	for i, label := range labels {
		if i != dialog.Default && i != dialog.Cancel {
			args = append(args, "--extra-button="+label)
		}
	}
	out, err := tool.Runner{Root: z.Root, UID: z.UID}.Run(ctx, tool.Spec{
		Path: filepath.Join(z.Root, "/usr/bin/zenity"), Args: args, Env: env, Limit: askLimit,
	})
	exit, failed := errors.AsType[*tool.ExitError](err)
	switch {
	case err == nil:
		return notify.Answer(dialog.Buttons[dialog.Default]), nil
	case errors.Is(err, fs.ErrNotExist):
		return "", ErrNoZenity
	case failed && exit.Code == zenityTimeout:
		return "", nil
	case failed && exit.Code == zenityOtherButton:
		pressed := strings.TrimSuffix(string(out.Stdout), "\n")
		if pressed == "" {
			return notify.Answer(dialog.Buttons[dialog.Cancel]), nil
		}
		if i := slices.Index(labels, pressed); i >= 0 {
			return notify.Answer(dialog.Buttons[i]), nil
		}
	}
	return "", fmt.Errorf("showing a dialog: %w", withMessage(err))
}
