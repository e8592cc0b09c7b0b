// Command bundle packs kextwatch for a release. make app and make dist run it from
// the top of the repository.
//
//	bundle check FILE…   checks whether programs for macOS can be released
//	bundle app FLAGS     writes Kextwatch.app from the programs
//	bundle dist FLAGS    writes the app as a zip, checksums and a bill of materials
//	bundle pkg FLAGS     checks the app and lays out the installer package
//	bundle notary FILE   reports whether Apple has notarized what notarytool sent
//	bundle formula FLAGS writes the formula for Homebrew
//
// It works the same on Linux and on a Mac, so that tests can check a release. Only a
// Mac can link the icon in the menu bar. The Info.plist of an app without the icon
// says that the app is not for use, and so does the name of its zip.
//
// The output depends only on the input, not on the folder, the time or the user:
// the same commit makes the same bytes.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bundle: ")
	if err := run(os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// commands maps the name of a command to what it does.
var commands = map[string]func(args []string, out io.Writer) error{
	"check":   check,
	"app":     runApp,
	"dist":    runDist,
	"pkg":     runPkg,
	"notary":  runNotary,
	"formula": runFormula,
}

func run(args []string, out io.Writer) error {
	names := strings.Join(slices.Sorted(maps.Keys(commands)), ", ")
	if len(args) == 0 {
		return fmt.Errorf("missing command: use one of %s", names)
	}
	command := commands[args[0]]
	if command == nil {
		return fmt.Errorf("unknown command %q: use one of %s", args[0], names)
	}
	return command(args[1:], out)
}

// check reads programs and returns all their faults as an error.
func check(paths []string, out io.Writer) error {
	var faults []string
	for _, path := range paths {
		all, err := readSlices(path)
		if err != nil {
			return err
		}
		for _, s := range all {
			fmt.Fprintf(out, "%s: %s\n", path, s)
			for _, fault := range s.faults() {
				faults = append(faults, path+": "+s.arch()+": "+fault)
			}
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("cannot be released:\n%s", strings.Join(faults, "\n"))
	}
	return nil
}

func runApp(args []string, _ io.Writer) error {
	var a app
	flags := flag.NewFlagSet("bundle app", flag.ContinueOnError)
	flags.StringVar(&a.version, "version", "", "as git describe says it")
	flags.StringVar(&a.build, "build", "", "a number that grows with every commit")
	flags.StringVar(&a.manual, "manual", "", "`FOLDER` of the man page and the completions")
	output := flags.String("o", "", "the `APP` to write")
	programs := flags.String("program", "", "the program, one `FILE` for each processor, separated by commas")
	readers := flags.String("reader", "", "kextwatch-reader, which runs as root, in the same way")
	if err := flags.Parse(args); err != nil {
		return err
	}
	a.programs, a.readers = strings.Split(*programs, ","), strings.Split(*readers, ",")
	return a.write(*output)
}

func runDist(args []string, out io.Writer) error {
	var d dist
	flags := flag.NewFlagSet("bundle dist", flag.ContinueOnError)
	flags.StringVar(&d.app, "app", "", "the `APP` to give out")
	flags.StringVar(&d.folder, "o", "", "the `FOLDER` to write to")
	flags.BoolVar(&d.layoutOnly, "layout-only", false, "the app is only there to be looked at")
	epoch := flags.Int64("time", 0, "the time of every file, in `SECONDS` since 1970")
	if err := flags.Parse(args); err != nil {
		return err
	}
	d.time = time.Unix(*epoch, 0).UTC()
	return d.write(out)
}
