package mac

import (
	"context"
	"fmt"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// CopyText puts a text on the user's clipboard, in place of what was there.
func CopyText(ctx context.Context, m root.FS, text string) error {
	// In the C locale, pbcopy(1) takes UTF-8 for Mac Roman and changes the quotation
	// marks. LC_ALL would outrank LC_CTYPE.
	env := []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_CTYPE=UTF-8"}
	if err := tool.Send(ctx, m, text, env, probe.PbcopyTool); err != nil {
		return fmt.Errorf("copying the text: %w", err)
	}
	return nil
}
