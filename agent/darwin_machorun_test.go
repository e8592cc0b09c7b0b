//go:build machorun

package main

import (
	"os"
	"strings"
	"testing"
)

// darwinProgram is the program for macOS. machorun runs it here.
func darwinProgram(t *testing.T) program {
	t.Helper()
	argv := strings.Fields(os.Getenv("KEXTWATCH_DARWIN"))
	if len(argv) != 2 {
		t.Fatal("KEXTWATCH_DARWIN has to be: MACHORUN PROGRAM; make machorun sets it")
	}
	return argv
}

// The program for macOS does the main job on a simulated Mac that a Linux process
// changes.
func TestDarwinJourney(t *testing.T) { journey(t, darwinProgram(t)) }

// It installs itself with the Mac's launchctl and removes its files.
func TestDarwinInstallation(t *testing.T) { installation(t, darwinProgram(t)) }
