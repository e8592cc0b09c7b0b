package mac

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// screenSharing is Apple's screen sharing. Its processes run only while somebody is
// connected, and shortly after. ARDAgent always runs, and SSMenuAgent was seen
// with screen sharing off, so neither is a sign.
var screenSharing = []string{"screensharingd", "ScreensharingAgent"}

// remotePrograms can control this Mac remotely while they run for a user. Their
// processes that root runs only wait for a connection.
var remotePrograms = []program{
	{"AnyDesk", []string{"AnyDesk"}},
	{"Chrome Remote Desktop", []string{"remoting_me2me_host"}},
	{"Parsec", []string{"parsecd"}},
	{"RustDesk", []string{"RustDesk", "rustdesk"}},
	{"TeamViewer", []string{"TeamViewer"}},
}

// remoteSigns returns signs that the Mac is used remotely. They are no proof: the
// programs may run without a connection.
func remoteSigns(processes []process) []string {
	var signs []string
	if slices.ContainsFunc(screenSharing, func(name string) bool { return runs(processes, name, anybody) }) {
		signs = append(signs, "Screen Sharing")
	}
	return append(signs, running(remotePrograms, processes, func(p process) bool { return p.uid != 0 })...)
}

// readScreenShared reports whether netstat lists a connection to the port of screen
// sharing.
func readScreenShared(ctx context.Context, m root.FS) (bool, error) {
	out, err := tool.Query(ctx, m, probe.NetstatTool, "-an", "-p", "tcp")
	if err != nil {
		return false, err
	}
	return parseNetstat(out)
}

// parseNetstat looks for an established connection whose local end is port
// 5900: "192.168.1.10.5900", in IPv6 too. A text without the heading is not a list
// and an error.
//
//	Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
//	tcp4       0      0  192.168.1.10.5900      192.168.1.20.52444     ESTABLISHED
func parseNetstat(out []byte) (shared bool, err error) {
	heading := false
	for line := range bytes.Lines(out) {
		fields := strings.Fields(string(line))
		switch {
		case len(fields) > 0 && fields[0] == "Proto":
			heading = true
		case len(fields) >= 6 && strings.HasPrefix(fields[0], "tcp") && fields[5] == "ESTABLISHED":
			shared = shared || strings.HasSuffix(fields[3], ".5900")
			heading = true
		}
	}
	if !heading {
		return false, errors.New("the list of network connections has no valid line")
	}
	return shared, nil
}
