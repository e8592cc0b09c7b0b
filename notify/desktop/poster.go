package desktop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"kextwatch/notify"
	"kextwatch/probe/tool"
)

// Poster posts alerts through short-lived children.
type Poster struct {
	Program string // path of kextwatch; it runs as "Program post [--urgent]"
	Root    string // absolute path; the desktop's tools are looked up beneath it; "/" on a real Mac
}

var _ notify.Poster = Poster{}

// Post posts the alert. After 5 seconds it kills the child and its children, and the
// error is os.ErrDeadlineExceeded.
func (p Poster) Post(ctx context.Context, alert notify.Alert) error {
	if err := p.post(ctx, alert); err != nil {
		return fmt.Errorf("posting a notification: %w", err)
	}
	return nil
}

func (p Poster) post(ctx context.Context, alert notify.Alert) error {
	path, err := searchPath(p.Root)
	if err != nil {
		return err
	}
	args := []string{"post"}
	if alert.Urgent {
		args = append(args, "--urgent")
	}
	alert = clean(alert, runtime.GOOS) // the title must be one line
	_, err = tool.Runner{Root: p.Root}.Run(ctx, tool.Spec{
		Path: p.Program, Own: true, Args: args, Env: environment(path, os.LookupEnv), Limit: postLimit,
		Stdin:    alert.Title + "\n" + alert.Body,
		NoStdout: true, // beeep may ring its bell there
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tool.ErrTimeout):
		return timeoutError(postLimit)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; kextwatch was moved or removed while it was running; start it again", err)
	}
	return withMessage(err)
}
