package main

import (
	"debug/macho"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"

	"kextwatch/assets/pkg"
)

// runPkg checks every slice of the app's programs and lays out the installer package.
func runPkg(args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("bundle pkg", flag.ContinueOnError)
	app := flags.String("app", "", "the `APP` to install")
	folder := flags.String("o", "", "the `FOLDER` to write to, named pkg")
	if err := flags.Parse(args); err != nil {
		return err
	}
	info, err := readInfo(filepath.Join(*app, "Contents/Info.plist"))
	if err != nil {
		return err
	}
	version, err := installerVersion(info.KextwatchVersion, info.CFBundleVersion)
	if err != nil {
		return err
	}
	if err := errors.Join(
		forBothProcessors(filepath.Join(*app, programPath), func(s slice) bool { return !s.reader() && s.tray() == (info.KextwatchLayoutOnly == "") }),
		forBothProcessors(filepath.Join(*app, readerPath), func(s slice) bool { return s.reader() && !s.tray() }),
	); err != nil {
		return err
	}
	return pkg.Layout{App: *app, Version: version, Oldest: info.LSMinimumSystemVersion}.Write(*folder)
}

// forBothProcessors returns an error unless the program has a slice for x86_64 and one
// for arm64, without faults and of the right kind.
func forBothProcessors(path string, right func(slice) bool) error {
	all, err := readSlices(path)
	if err != nil {
		return err
	}
	if len(all) != 2 || all[0].cpu != macho.CpuAmd64 || all[1].cpu != macho.CpuArm64 {
		return fmt.Errorf("%s is not for x86_64 and arm64", path)
	}
	for _, s := range all {
		if faults := s.faults(); len(faults) > 0 {
			return fmt.Errorf("%s: %s: %s", path, s.arch(), faults[0])
		}
		if !right(s) {
			return fmt.Errorf("%s: %s: it is another program than the app says", path, s.arch())
		}
	}
	return nil
}
