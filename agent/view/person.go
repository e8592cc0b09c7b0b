package view

import (
	"fmt"

	"kextwatch/probe"
)

// chosenWords has one row for each probe.ChosenBy.
var chosenWords = [...]struct {
	by    probe.ChosenBy
	words string
}{
	{probe.AtScreen, "who is at the screen"},
	{probe.LastUser, "who was at the screen last"},
	{probe.OnlyUser, "the only user of this Mac"},
}

// personLine says whose settings and memory were read. It is empty for the user of this
// process.
func personLine(p probe.Person) string {
	for _, row := range chosenWords {
		if row.by == p.By {
			return fmt.Sprintf("As root, kextwatch uses the settings and the memory of %s, %s", Clean(p.Name), row.words)
		}
	}
	return ""
}

// personDoc is a probe.Person.
type personDoc struct {
	Name     string         `json:"name" plist:"name"`
	ChosenBy probe.ChosenBy `json:"chosen_by" plist:"chosen_by"`
}
