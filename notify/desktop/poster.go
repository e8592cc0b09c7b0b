package desktop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	"kextwatch/notify"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// readyLimit is how long a child waits for its alert. A database that changed has
// been read long before.
const readyLimit = 2 * time.Second

// Poster posts alerts through short-lived children. Create it with NewPoster.
type Poster struct {
	program string
	root    string

	mu    sync.Mutex
	ready *child // started by Prepare and not used yet; nil: none
}

var _ notify.Poster = (*Poster)(nil)

// NewPoster returns a Poster. program is the path of kextwatch; it runs as "program
// post [--urgent]". The desktop's tools are looked up beneath the absolute path
// root, which is "/" on a real Mac.
func NewPoster(program, root string) *Poster { return &Poster{program: program, root: root} }

// child is a running "kextwatch post". It gets its alert when it has been started
// already: the start takes longer than the rest.
type child struct {
	input *os.File // the pipe to its standard input
	stop  context.CancelCauseFunc
	ended chan struct{}
	err   error       // after ended
	idle  *time.Timer // ends a child that gets no alert
}

// Prepare starts the child for the next urgent alert, and returns when that alert was
// posted, or when none came within two seconds of the last call. If a child is
// ready already, it returns at once.
func (p *Poster) Prepare(ctx context.Context) {
	p.mu.Lock()
	if c := p.ready; c != nil && c.idle.Reset(readyLimit) {
		p.mu.Unlock()
		return
	}
	c, err := p.start(ctx, true)
	if err == nil {
		p.ready = c
		c.idle = time.AfterFunc(readyLimit, func() {
			p.take(c)
			c.input.Close() // without an alert it ends
		})
	}
	p.mu.Unlock()
	if err == nil {
		<-c.ended
		p.take(c)
	}
}

// take returns the child that is ready for an alert, and leaves none. If only is not
// nil, it takes only that child.
func (p *Poster) take(only *child) *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.ready
	if c == nil || only != nil && c != only {
		return nil
	}
	p.ready = nil
	return c
}

// Post posts the alert. After 5 seconds it kills the child and its children, and the
// error is os.ErrDeadlineExceeded.
func (p *Poster) Post(ctx context.Context, alert notify.Alert) error {
	if err := p.post(ctx, clean(alert, runtime.GOOS)); err != nil { // the title must be one line
		return fmt.Errorf("posting a notification: %w", err)
	}
	return nil
}

func (p *Poster) post(ctx context.Context, alert notify.Alert) error {
	if alert.Urgent {
		if c := p.take(nil); c != nil && c.idle.Stop() {
			if taken, err := c.post(ctx, alert); taken {
				return err
			}
		}
	}
	c, err := p.start(ctx, alert.Urgent)
	if err != nil {
		return err
	}
	_, err = c.post(ctx, alert)
	return err
}

// PostArguments returns the arguments with which a Poster starts its program.
func PostArguments(urgent bool) []string {
	if urgent {
		return []string{"post", "--urgent"}
	}
	return []string{"post"}
}

// start starts a child that waits for its alert.
func (p *Poster) start(ctx context.Context, urgent bool) (*child, error) {
	path, err := searchPath(root.FS{Root: p.root})
	if err != nil {
		return nil, err
	}
	text, input, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	c := &child{input: input, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		defer text.Close()
		_, c.err = tool.Runner{Root: p.root}.Run(ctx, tool.Spec{
			Path: p.program, Own: true, Args: PostArguments(urgent), Env: environment(path, os.LookupEnv), Limit: readyLimit + 2*postLimit,
			Stdin:    text,
			NoStdout: true, // beeep may ring its bell there
		})
		stop(nil)
	}()
	return c, nil
}

// post gives the child its alert and waits for the result. taken is false if the
// child had ended before that.
func (c *child) post(ctx context.Context, alert notify.Alert) (taken bool, err error) {
	select {
	case <-c.ended:
		c.input.Close()
		return false, explain(c.err)
	default:
	}
	limit := time.AfterFunc(postLimit, func() { c.stop(tool.ErrTimeout) })
	defer limit.Stop()
	defer context.AfterFunc(ctx, func() { c.stop(context.Cause(ctx)) })()
	_, failed := io.WriteString(c.input, alert.Title+"\n"+alert.Body)
	c.input.Close()
	<-c.ended
	if c.err == nil {
		return true, failed
	}
	return true, explain(c.err)
}

// explain returns what the user can do about the error of a child.
func explain(err error) error {
	switch {
	case errors.Is(err, tool.ErrTimeout):
		return timeoutError(postLimit)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; kextwatch was moved or removed while it was running; start it again", err)
	}
	return withMessage(err)
}
