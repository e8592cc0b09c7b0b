package main

import (
	"path/filepath"

	"kextwatch/probe"
)

// places are the files of the agent beneath a user's home.
type places struct {
	state   string // 0700
	memory  string
	history string
	status  string // for others to read
	lock    string
	log     string // the folder
	logFile string
	crashes string // what launchd catches of the agent: see launchd.Agent
}

func placesIn(home string) places {
	state := filepath.Join(home, "Library", "Application Support", probe.AgentLabel)
	logs := filepath.Join(home, "Library", "Logs", probe.AgentLabel)
	return places{
		state:   state,
		memory:  filepath.Join(state, "memory.plist"),
		history: filepath.Join(state, "history.jsonl"),
		status:  filepath.Join(state, "status.plist"),
		lock:    filepath.Join(state, "lock"),
		log:     logs,
		logFile: filepath.Join(logs, "agent.log"),
		crashes: filepath.Join(logs, "launchd.log"),
	}
}
