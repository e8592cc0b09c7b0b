package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is a module of another author in the program.
type module struct{ path, version string }

// goModule stands for Go's runtime and standard library.
const goModule = "std"

func sorted(versions map[string]string) []module {
	var modules []module
	for _, path := range slices.Sorted(maps.Keys(versions)) {
		modules = append(modules, module{path, versions[path]})
	}
	return modules
}

// licenses returns the texts of all licenses: that of kextwatch first, then those of
// each module, from the compiled sources. A module without a license is an error,
// because it must not be released.
func licenses(modules []module) ([]byte, error) {
	folders, err := foldersOf(modules)
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("LICENSE")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "kextwatch\n\n%s\n"+
		"kextwatch contains the following modules, each under its own license. The source of\n"+
		"each is at https://pkg.go.dev/NAME@VERSION.\n", own)
	for _, m := range modules {
		files, err := licenseFiles(folders[m.path])
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s %s has no license in %s", m.path, m.version, folders[m.path])
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(folders[m.path], file))
			if err != nil {
				return nil, err
			}
			name := m.path
			if m.path == goModule {
				name = "Go's run time and standard library"
			}
			fmt.Fprintf(&b, "\n%s\n%s %s: %s\n\n%s\n", strings.Repeat("-", 72), name, m.version, file, bytes.TrimSpace(text))
		}
	}
	return b.Bytes(), nil
}

var licenseName = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying|^copyright|^notice|^patents`)

// licenseFiles returns the names of the license files in a module's top folder.
func licenseFiles(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && licenseName.MatchString(entry.Name()) && filepath.Ext(entry.Name()) != ".go" {
			files = append(files, entry.Name())
		}
	}
	return files, nil
}

// foldersOf returns the folders with the sources of the modules.
func foldersOf(modules []module) (map[string]string, error) {
	args := []string{"list", "-m", "-f", "{{.Path}}\t{{.Version}}\t{{.Dir}}"}
	for _, m := range modules {
		if m.path != goModule {
			args = append(args, m.path)
		}
	}
	list, err := output("go", args...)
	if err != nil {
		return nil, err
	}
	root, err := output("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	folders := map[string]string{goModule: strings.TrimSpace(root)}
	versions := make(map[string]string)
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("the source of %s is missing: run go mod download", fields[0])
		}
		versions[fields[0]], folders[fields[0]] = fields[1], fields[2]
	}
	for _, m := range modules {
		if m.path != goModule && versions[m.path] != m.version {
			return nil, fmt.Errorf("the program contains %s %s, but go.mod requires %q: build it again", m.path, m.version, versions[m.path])
		}
	}
	return folders, nil
}

func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
	}
	return string(out), nil
}
