//go:build formats

package launchd

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"testing"

	"howett.net/plist"
)

// launchd does not read property lists with the library that kextwatch writes
// them with. Python's reader is strict and independent of that library.
func TestPythonReadsTheJob(t *testing.T) {
	for _, name := range []string{"plain", `"quotes" & 'these' <b>`, "Söhne 日本 👩‍👩‍👧", "with  two  spaces "} {
		data, err := Agent("/opt/"+name+"/kextwatch", "/Users/"+name).Plist()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("python3", "-c", "import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))")
		cmd.Stdin = bytes.NewReader(data)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", name, err, &stderr)
		}
		var theirs, ours any
		if err := json.Unmarshal(out, &theirs); err != nil {
			t.Fatal(err)
		}
		if _, err := plist.Unmarshal(data, &ours); err != nil {
			t.Fatal(err)
		}
		// JSON has one kind of number.
		ours.(map[string]any)["ThrottleInterval"] = float64(ours.(map[string]any)["ThrottleInterval"].(uint64))
		if !reflect.DeepEqual(theirs, ours) {
			t.Errorf("%q: Python reads\n%v, the library\n%v", name, theirs, ours)
		}
	}
}
