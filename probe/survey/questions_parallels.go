package survey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/mac"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

// hypervisorForm matches one or two words, such as "apple".
var hypervisorForm = probe.Form{Expr: `^[A-Za-z]{1,20}(?: [A-Za-z]{1,20})?$`}

// parallelsExtensions lists the kexts in the application, with the kernel libraries
// that they need.
func parallelsExtensions(_ context.Context, m root.FS) []string {
	app, err := mac.ReadParallels(m)
	switch {
	case err != nil:
		return []string{probe.Printable(err.Error())}
	case app == nil:
		return []string{"Parallels Desktop is not installed"}
	}
	lines := []string{fmt.Sprintf("Parallels Desktop %s (%s), edition %s", app.Version, app.Build, app.Edition)}
	search := mac.KextSearch{Mac: m}
	for _, place := range search.Places(app.Path + "/Contents/Library/Extensions") {
		lines = append(lines, extensionNeeds(m, app.Path, place)...)
	}
	for _, gap := range search.Gaps {
		lines = append(lines, gap.Err)
	}
	if len(lines) == 1 {
		lines = append(lines, "it has no kernel extension")
	}
	return lines
}

func extensionNeeds(m root.FS, app, place string) []string {
	var info struct {
		ID           string            `plist:"CFBundleIdentifier"`
		ShortVersion string            `plist:"CFBundleShortVersionString"`
		Version      string            `plist:"CFBundleVersion"`
		Libraries    map[string]string `plist:"OSBundleLibraries"`
	}
	err := m.ReadPlist(place+"/Contents/Info.plist", &info)
	if root.NotExist(err) {
		err = m.ReadPlist(probe.StagedExtensions+place+"/Contents/Info.plist", &info)
	}
	if err != nil && !errors.Is(err, root.ErrOtherType) {
		return []string{probe.Printable(place + ": " + err.Error())}
	}
	lines := []string{
		probe.Printable(strings.TrimPrefix(place, app)),
		"    " + probe.Printable(fmt.Sprintf("%s, CFBundleShortVersionString %q, CFBundleVersion %q", info.ID, info.ShortVersion, info.Version)),
	}
	for _, name := range slices.Sorted(maps.Keys(info.Libraries)) {
		if len(lines) == answerLimit {
			return append(lines, "    (and more)")
		}
		lines = append(lines, "    "+probe.Printable(name+" "+info.Libraries[name]))
	}
	return lines
}

// serviceJob searches all known places of the job.
func serviceJob(ctx context.Context, m root.FS) []string {
	var lines []string
	place := probe.ParallelsApp
	if app, _ := mac.ReadParallels(m); app != nil && app.Path != "" {
		place = app.Path
	}
	service := place + "/Contents/MacOS/Parallels Service.app/Contents/"
	for _, dir := range []string{
		"/Library/LaunchDaemons", service + "Resources", service + "LaunchDaemons", service + "Library/LaunchDaemons",
		place + "/Contents/Library/LaunchDaemons",
	} {
		names, err := m.List(dir)
		if err != nil && !root.NotExist(err) {
			lines = append(lines, dir+": "+errorNumber(err))
		}
		for _, name := range names {
			if strings.HasPrefix(name, "com.parallels.") && strings.HasSuffix(name, ".plist") {
				lines = append(lines, probe.Printable(dir+"/"+name))
			}
		}
	}
	return append(lines, printed(ctx, m, func(line string) bool {
		return strings.HasPrefix(line, "path =") || strings.HasPrefix(line, "state =") || strings.HasPrefix(line, "program =")
	}, "/bin/launchctl print system/com.parallels.desktop.launchdaemon")...)
}

// hypervisorWords lists the values of "Hypervisor type" in prlctl's output, and
// nothing else about the virtual machines.
func hypervisorWords(ctx context.Context, m root.FS) []string {
	out, err := tool.Query(ctx, m, probe.PrlctlTool, "list", "-a", "-i", "--json")
	if errors.Is(err, tool.ErrAsRoot) {
		return []string{"not asked: " + probe.Printable(err.Error()), "for this answer run `kextwatch doctor --facts` without sudo"}
	}
	if err != nil {
		return []string{probe.Printable(err.Error())}
	}
	return countedWords(out)
}

func countedWords(out []byte) []string {
	var answer any
	if err := json.Unmarshal(out, &answer); err != nil {
		return []string{"prlctl did not print JSON"} // the output may contain names
	}
	words := map[string]int{}
	countWords(answer, words)
	var lines []string
	for _, word := range slices.Sorted(maps.Keys(words)) {
		lines = append(lines, fmt.Sprintf("%s: %d", word, words[word]))
	}
	if len(lines) == 0 {
		lines = []string{"none"}
	}
	return lines
}

// countWords counts the values at any depth of the answer.
func countWords(value any, words map[string]int) {
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			countWords(v, words)
		}
	case map[string]any:
		for key, v := range value {
			if strings.EqualFold(key, "Hypervisor type") {
				words[hypervisorWord(v)]++
				continue
			}
			countWords(v, words)
		}
	}
}

// hypervisorWord returns a text for a value that cannot contain a name.
func hypervisorWord(value any) string {
	word, ok := value.(string)
	if !ok {
		return fmt.Sprintf("(a %T)", value)
	}
	if !hypervisorForm.MatchString(word) {
		return "(another text)"
	}
	return fmt.Sprintf("%q", word)
}
