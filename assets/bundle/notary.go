package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"kextwatch/probe"
)

const notaryLimit = 1 << 20 // bytes; an answer has 100

// submissionID has the form of a UUID.
var submissionID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// runNotary returns an error unless Apple has accepted what notarytool submit sent.
func runNotary(args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("name the file with the answer of notarytool submit --wait --output-format json")
	}
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	answer, err := io.ReadAll(io.LimitReader(f, notaryLimit+1))
	if err != nil {
		return err
	}
	id, err := notarized(answer)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "notarized: %s\n", id)
	return err
}

// notarized reads the answer of notarytool submit --wait --output-format json and returns
// the name of the submission. notarytool exits with 0 for every answer, also for the
// status Invalid (github.com/electron/notarize/pull/173), so only the status counts.
func notarized(answer []byte) (id string, err error) {
	if len(answer) > notaryLimit {
		return "", fmt.Errorf("the answer of notarytool is too large: more than %d bytes", notaryLimit)
	}
	var said struct{ ID, Status, Message string }
	if err := json.Unmarshal(answer, &said); err != nil {
		return "", fmt.Errorf("notarytool did not answer with one JSON document: %w", err)
	}
	if !submissionID.MatchString(said.ID) {
		return "", fmt.Errorf("notarytool names no submission: %s", probe.Printable(string(answer)))
	}
	if said.Status != "Accepted" {
		return "", fmt.Errorf("not notarized: the status is %q (%s). Run: xcrun notarytool log %s --keychain-profile kextwatch",
			probe.Printable(said.Status), probe.Printable(said.Message), said.ID)
	}
	return said.ID, nil
}
