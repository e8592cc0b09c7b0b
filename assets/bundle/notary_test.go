package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kextwatch/probe/hostile"
)

const submission = "2efe2717-52ef-43a5-96dc-0797e4ca1041"

// The exit status of notarytool is 0 in each of these cases.
func TestNotarized(t *testing.T) {
	for name, tc := range map[string]struct{ answer, want string }{ // want: of the error; empty: notarized
		"accepted":          {`{"id":"` + submission + `","status":"Accepted","message":"Processing complete"}`, ""},
		"with other keys":   {`{"path":"/x.zip","id":"` + submission + `","status":"Accepted","message":"","new":{"a":[1]}}` + "\n", ""},
		"invalid":           {`{"id":"` + submission + `","status":"Invalid","message":"Processing complete"}`, `the status is "Invalid" (Processing complete). Run: xcrun notarytool log ` + submission},
		"rejected":          {`{"id":"` + submission + `","status":"Rejected"}`, `"Rejected"`},
		"in progress":       {`{"id":"` + submission + `","status":"In Progress"}`, `"In Progress"`},
		"no wait":           {`{"id":"` + submission + `","message":"Successfully uploaded file"}`, `the status is ""`},
		"another case":      {`{"id":"` + submission + `","status":"accepted"}`, `"accepted"`},
		"several documents": {`{"id":"` + submission + `","status":"Accepted"}{"status":"Invalid"}`, "one JSON document"},
		"text":              {"Conducting pre-submission checks\n  status: Accepted\n", "one JSON document"},
		"nothing":           {"", "one JSON document"},
		"a list":            {`[{"status":"Accepted"}]`, "one JSON document"},
		"no submission":     {`{"status":"Accepted"}`, "names no submission"},
		"a command":         {`{"id":"$(reboot)","status":"Invalid"}`, "names no submission"},
		"control codes":     {`{"id":"` + submission + `","status":"\u001b[2J"}`, `the status is "[2J"`},
		"too large":         {`{"id":"` + submission + `","status":"Accepted"` + strings.Repeat(" ", notaryLimit) + "}", "too large"},
	} {
		file := filepath.Join(t.TempDir(), "notary.json")
		if err := os.WriteFile(file, []byte(tc.answer), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := run([]string{"notary", file}, &out)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if said := out.String(); said != "" && err != nil || err == nil && said != "notarized: "+submission+"\n" {
			t.Errorf("%s: said %q", name, said)
		}
	}
	for _, args := range [][]string{{"notary"}, {"notary", "a", "b"}, {"notary", "/nowhere"}} {
		if err := run(args, &strings.Builder{}); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func FuzzNotarized(f *testing.F) {
	f.Add([]byte(`{"id":"` + submission + `","status":"Accepted"}`))
	f.Add([]byte(`{"id":"` + submission + `","status":"Invalid","message":"x"}`))
	hostile.Fuzz(f, func(t *testing.T, answer []byte) {
		if id, err := notarized(answer); (err == nil) != submissionID.MatchString(id) {
			t.Errorf("%q, %v", id, err)
		}
	})
}
