//go:build formats

package main

import (
	"os/exec"
	"strings"
	"testing"

	"kextwatch/probe"
)

// Python, in which the tools of administrators are written, reads the manifest and finds what
// ProfileManifests requires: the types of its keys, a name and a type for each setting, and a
// default of that type.
func TestManifestForPython(t *testing.T) {
	const check = `
import plistlib, sys
m = plistlib.load(open(sys.argv[1], "rb"))
types = {"string": str, "integer": int, "boolean": bool, "array": list}
def want(what, holds):
    if not holds:
        sys.exit(what)
for key in ("pfm_title", "pfm_domain", "pfm_description"):
    want(key, isinstance(m[key], str) and m[key])
want("pfm_format_version", m["pfm_format_version"] == 1)
want("pfm_platforms", m["pfm_platforms"] == ["macOS"])
want("pfm_targets", all(t in ("user", "user-managed", "system", "system-managed") for t in m["pfm_targets"]))
def keys(subkeys, named):
    for k in subkeys:
        name = k.get("pfm_name", "an entry")
        want(name + ": pfm_type", k["pfm_type"] in types)
        want(name + ": pfm_name, pfm_title, pfm_description", not named or all(k.get(n) for n in ("pfm_name", "pfm_title", "pfm_description")))
        if "pfm_default" in k:
            want(name + ": pfm_default", type(k["pfm_default"]) is types[k["pfm_type"]])
            want(name + ": pfm_range_list", k["pfm_default"] in k.get("pfm_range_list", [k["pfm_default"]]))
        want(name + ": pfm_require", k.get("pfm_require", "always") in ("always", "always-nested", "push"))
        want(name + ": pfm_range_min", k.get("pfm_range_min", 0) <= k.get("pfm_range_max", 1))
        keys(k.get("pfm_subkeys", []), False)
keys(m["pfm_subkeys"], True)
names = [k["pfm_name"] for k in m["pfm_subkeys"]]
want("a name appears twice", len(names) == len(set(names)))
print(len(names))
`
	out, err := exec.Command("python3", "-c", check, "../docs/mdm/"+probe.AgentLabel+".plist").CombinedOutput()
	if text := strings.TrimSpace(string(out)); err != nil || text == "" || text == "0" {
		t.Errorf("Python says %s (%v)", out, err)
	}
}
