//go:build formats

package fleet

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// pythonReads prints a property list as JSON, and the UUIDs that Python's uuid module
// makes from the same names: for the payload from its identifier, for the profile from its content
// without the UUID.
const pythonReads = `
import json, plistlib, re, sys, uuid
data = sys.stdin.buffer.read()
profile = plistlib.loads(data)
space = uuid.uuid5(uuid.NAMESPACE_DNS, 'kextwatch.io')
payload = profile['PayloadContent'][0]
without = re.sub(rb'\t\t<key>PayloadUUID</key>\n\t\t<string>' + profile['PayloadUUID'].encode() + rb'</string>\n', b'', data)
print(json.dumps({'profile': profile,
	'payload': str(uuid.uuid5(space, payload['PayloadIdentifier'])).upper(),
	'uuid': str(uuid.uuid5(space, without.decode())).upper()}))
`

// macOS does not read profiles with the library that kextwatch writes them with. Python's
// reader is strict and independent of that library.
func TestPythonReadsTheProfiles(t *testing.T) {
	for name, c := range profiles {
		p := made(t, c.kind, c.input)
		cmd := exec.Command("python3", "-c", pythonReads)
		cmd.Stdin = bytes.NewReader(p.Data)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, &stderr)
		}
		var theirs struct {
			Profile       map[string]any
			Payload, UUID string
		}
		decoder := json.NewDecoder(bytes.NewReader(out))
		decoder.UseNumber()
		if err := decoder.Decode(&theirs); err != nil {
			t.Fatal(err)
		}
		ours := read(t, p.Data)
		if got, want := inJSON(t, theirs.Profile), inJSON(t, ours); got != want {
			t.Errorf("%s: Python reads\n%s, kextwatch\n%s", name, got, want)
		}
		inner := ours["PayloadContent"].([]any)[0].(map[string]any)["PayloadUUID"]
		if !reflect.DeepEqual([]any{theirs.UUID, theirs.Payload}, []any{p.UUID, inner}) {
			t.Errorf("%s: Python makes the UUIDs %s and %s, kextwatch %s and %s", name, theirs.UUID, theirs.Payload, p.UUID, inner)
		}
		if strings.Count(string(p.Data), p.UUID) != 1 {
			t.Errorf("%s: the UUID is not in the file once", name)
		}
	}
}

func inJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
