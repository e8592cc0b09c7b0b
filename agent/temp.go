package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"kextwatch/probe"
)

// privateFolder creates a temporary folder for private copies of the policy. Its
// name has the process that uses it, for strayFolders. The caller removes it.
func privateFolder() (string, error) {
	return os.MkdirTemp("", fmt.Sprintf("kextwatch-%d-", os.Getpid()))
}

var privateForm = probe.Form{Expr: `^kextwatch-([0-9]{1,7})-[0-9]+$`}

// strayFolders are the private folders in temp that a killed kextwatch of this user
// left. It leaves out the folder of a living process.
func strayFolders(temp string) []string {
	entries, _ := os.ReadDir(temp)
	var left []string
	for _, e := range entries {
		form := privateForm.FindStringSubmatch(e.Name())
		if form == nil || !e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			continue
		}
		if pid, err := strconv.Atoi(form[1]); err == nil && pid > 0 && syscall.Kill(pid, 0) == syscall.ESRCH {
			left = append(left, filepath.Join(temp, e.Name()))
		}
	}
	return left
}
