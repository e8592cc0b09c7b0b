package main

import (
	"testing"

	"kextwatch/probe/mactest"
)

// The scripts in testdata/ordinary test files that an ordinary user cannot read.
func TestScriptOrdinaryUser(t *testing.T) {
	t.Parallel()
	if mactest.AsOrdinaryUser(t, "testdata", "../docs") {
		runScripts(t, "testdata/ordinary")
	}
}
