package store

import (
	"path/filepath"

	"kextwatch/probe"
)

// Places are the paths of the agent's files in a user's home.
type Places struct {
	State   string // 0700
	Memory  string
	History string
	Status  string // for others to read
	Lock    string
	Log     string // the folder of the log
	LogFile string
	Crashes string // standard error of the agent, such as a crash: see launchd.Agent
}

// PlacesIn returns the paths in this home.
func PlacesIn(home string) Places {
	state := filepath.Join(home, "Library", "Application Support", probe.AgentLabel)
	logs := filepath.Join(home, "Library", "Logs", probe.AgentLabel)
	return Places{
		State:   state,
		Memory:  filepath.Join(state, "memory.plist"),
		History: filepath.Join(state, "history.jsonl"),
		Status:  filepath.Join(state, "status.plist"),
		Lock:    filepath.Join(state, "lock"),
		Log:     logs,
		LogFile: filepath.Join(logs, "agent.log"),
		Crashes: filepath.Join(logs, "launchd.log"),
	}
}

// Journal returns the history.
func (p Places) Journal() Journal { return Journal{p.History} }

// Logged returns the agent's log.
func (p Places) Logged() Rotation { return Rotation{p.LogFile, logSize, logFiles} }

// Crashed returns the output of the agent that launchd saved, such as a crash.
func (p Places) Crashed() Rotation { return Rotation{p.Crashes, logSize, logFiles} }
