package mac

import (
	"os"
	"testing"

	"kextwatch/probe/mactest"
)

func TestMain(m *testing.M) { os.Exit(mactest.Leaks{M: m}.Run()) }
