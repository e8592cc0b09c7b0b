package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kextwatch/agent/cli"
	"kextwatch/probe/mac"
	"kextwatch/probe/survey"
)

const (
	// The limit for all questions together. A real Mac answers in a few seconds.
	// The remaining questions are skipped.
	factsLimit = 40 * time.Second

	// The limit for finding the names to leave out. Without them there is no sheet.
	namesLimit = 10 * time.Second

	// A question that takes longer than this is reported as progress.
	slowQuestion = time.Second
)

// factCommand asks one Mac the open questions about macOS.
type factCommand struct {
	*target
	cli.Output
}

// sheet asks this Mac the open questions about macOS and Parallels, and
// returns the answers as Markdown, to be pasted into a report. It reads only. It
// leaves out the names that docs/on-a-mac.md lists. If a question has no answer,
// the sheet says so, and the next question follows.
func (f factCommand) sheet(ctx context.Context) (string, error) {
	redactor, err := f.redactor(ctx)
	if err != nil {
		return "", err
	}
	all, cancel := context.WithTimeout(ctx, factsLimit)
	defer cancel()
	asker := "an ordinary user"
	if f.mac.UID == 0 {
		asker = "root"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Facts from a Mac\n\nBy kextwatch %s, as %s. Please read it before you paste it.\n", version, asker)
	for _, q := range survey.Questions(f.mac) {
		start := time.Now()
		lines := askSlowly(all, f.Output, q.Text, q.Ask)
		if err := ctx.Err(); err != nil {
			return "", cli.Unavailable(err, "")
		}
		fmt.Fprintf(&b, "\n## %s\n\n", q.Text)
		for _, line := range lines {
			fmt.Fprintf(&b, "    %s\n", line) // indented: Markdown shows it unchanged
		}
		fmt.Fprintf(&b, "\n(%.2f s)\n", time.Since(start).Seconds())
	}
	return redactor.redact(b.String()), nil
}

// askSlowly reports a question that takes a while.
func askSlowly(ctx context.Context, out cli.Output, question string, ask func(context.Context) []string) []string {
	answer := make(chan []string, 1)
	go func() { answer <- ask(ctx) }()
	for slow := time.After(slowQuestion); ; {
		select {
		case lines := <-answer:
			return lines
		case <-slow:
			out.Progress("%s", question)
		}
	}
}

// redactor returns a redactor of the names of this Mac, of its users, and of the
// given texts. It shortens the paths of a simulated Mac by the Mac's directory.
func (t *target) redactor(ctx context.Context, more ...private) (redactor, error) {
	ctx, cancel := context.WithTimeout(ctx, namesLimit)
	defer cancel()
	privates := append(namesOf(mac.ReadNames(ctx, t.mac)), more...)
	if err := ctx.Err(); err != nil {
		return redactor{}, cli.Unavailable(fmt.Errorf("finding the names to leave out: %w", err), "try again when the Mac is less busy")
	}
	for _, name := range []string{"USER", "LOGNAME", "SUDO_USER"} {
		privates = append(privates, private{t.env(name), "user"})
	}
	if t.mac.Root != "/" {
		privates = append(privates, private{t.mac.Root, "root"})
	}
	return newRedactor(privates...), nil
}
