package simmac

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Dialogs returns the arguments of each osascript call that displayed a dialog on
// this Mac, oldest first.
func (m *Mac) Dialogs() ([][]string, error) {
	data, err := m.readFile(simDir + "/dialogs")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(data) == 0 { // missing, or the shell has just created it for the first dialog
		return nil, nil
	}
	var dialogs [][]string
	for fields := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00"); len(fields) > 0; {
		n, err := strconv.Atoi(fields[0])
		if err != nil || n < 0 || n >= len(fields) {
			return nil, fmt.Errorf("the simulation's record of dialogs is damaged at %.40q", fields[0])
		}
		dialogs = append(dialogs, fields[1:n+1])
		fields = fields[n+1:]
	}
	return dialogs, nil
}

// AnswerDialogs sets the label of the button that is pressed in every later dialog.
// With an empty label nobody answers, as on a new Mac.
func (m *Mac) AnswerDialogs(button string) error {
	answer := "button returned:" + button + ", gave up:false\n"
	if button == "" {
		answer = "button returned:, gave up:true\n"
	}
	return m.write(simDir+"/dialog-answer", []byte(answer), 0o644)
}
