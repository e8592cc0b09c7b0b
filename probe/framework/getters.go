package framework

import (
	"context"
	_ "embed"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// gettersScript prints a line for each getter. Like frameworkScript it is an argument
// and always the same.
//
//go:embed getters.js
var gettersScript string

// Getters asks SystemPolicy.framework which of its newer getters it has, and returns
// one line for each: "requiresSecurityDowngrade: yes". Nothing of kextwatch depends on
// them yet, so this is text for people only.
func Getters(ctx context.Context, m root.FS) ([]byte, error) {
	return tool.Query(ctx, m, probe.OsascriptTool, "-l", "JavaScript", "-e", gettersScript)
}
