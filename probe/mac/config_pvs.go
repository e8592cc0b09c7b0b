package mac

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kextwatch/probe"
	"kextwatch/probe/root"
	"kextwatch/probe/tool"
)

const configLimit = 1 << 20 // bytes of a config.pvs; real ones have some 20 KB

var (
	errLink      = errors.New("is a link, and is not followed: it may lead to a folder that macOS guards")
	errNoMachine = errors.New("there is none in the usual folders, but there may be others elsewhere")
)

// machineFolders are where virtual machines usually lie, as paths of this
// machine. They may also lie in ~/Documents or in the container of an App
// Store edition, which are never looked at: macOS would ask the user whether
// kextwatch may.
func machineFolders(m root.FS) ([]string, error) {
	shared, err := root.At(m, "/Users/Shared", m.Reads, func(p string) (string, error) { return p, nil })
	if err != nil {
		return nil, err
	}
	folders := []string{filepath.Join(shared, "Parallels")}
	if m.Home == "" {
		return folders, errors.New("whose home folder it is, is not known")
	}
	return append(folders, filepath.Join(m.Home, "Parallels")), nil
}

// readConfigs are the files that describe the virtual machines in their usual
// folders, at most machineLimit of them, and what could not be looked at.
func readConfigs(m root.FS) (files []string, errs []error) {
	folders, err := machineFolders(m)
	if err != nil {
		errs = append(errs, err)
	}
	for _, folder := range folders {
		names, err := listFolder(m, folder)
		if err != nil && !root.NotExist(err) {
			errs = append(errs, err)
		}
		for _, name := range names {
			if filepath.Ext(name) != ".pvm" {
				continue
			}
			if len(files) == machineLimit {
				return files, append(errs, fmt.Errorf("there are more than %d virtual machines", machineLimit))
			}
			bundle := filepath.Join(folder, name)
			if err := notALink(m, bundle); err != nil {
				errs = append(errs, err)
				continue
			}
			files = append(files, filepath.Join(bundle, "config.pvs"))
		}
	}
	return files, errs
}

// listFolder lists a folder that is no link.
func listFolder(m root.FS, folder string) ([]string, error) {
	if err := notALink(m, folder); err != nil {
		return nil, err
	}
	return root.CallInTime(m.FileCalls(), folder, func() ([]string, error) { return root.ListDir(folder) })
}

// lstatAt is lstat for a path of this machine.
func lstatAt(m root.FS, path string) (fs.FileInfo, error) {
	return root.CallInTime(m.FileCalls(), path, func() (fs.FileInfo, error) { return os.Lstat(path) })
}

func notALink(m root.FS, name string) error {
	info, err := lstatAt(m, name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = fmt.Errorf("%s %w", name, errLink)
	}
	return err
}

// searchConfigs reads the virtual machines in their usual folders. They are
// known only where there is one, and all of them could be read.
func searchConfigs(ctx context.Context, m root.FS) (probe.Machines, []probe.Gap) {
	ctx, cancel := context.WithTimeoutCause(ctx, tool.Limit, errors.New("reading the virtual machines took too long"))
	defer cancel()
	files, errs := readConfigs(m)
	var list []probe.VM
	for _, file := range files {
		if ctx.Err() != nil {
			errs = append(errs, context.Cause(ctx))
			break
		}
		vm, err := readConfig(m, file)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		vm.Path = pathOnMac(m, filepath.Dir(file))
		list = append(list, vm)
	}
	found := probe.Machines{List: list}
	if len(list) > 0 {
		found.From = "config.pvs"
	} else {
		errs = append(errs, errNoMachine)
	}
	found.Known = len(errs) == 0
	if found.Known {
		return found, nil
	}
	return found, []probe.Gap{probe.NewGap(probe.FactVMFiles, errors.Join(errs...),
		"Open Parallels Desktop and leave it open, so that prlctl can answer.")}
}

// pathOnMac turns a path of this machine into one of the Mac, where it is one.
func pathOnMac(m root.FS, name string) string {
	inside, err := filepath.Rel(m.Root, name)
	if err != nil || !filepath.IsLocal(inside) {
		return bundlePath(name)
	}
	return bundlePath("/" + inside)
}

func readConfig(m root.FS, file string) (probe.VM, error) {
	if err := notALink(m, file); err != nil {
		return probe.VM{}, err
	}
	data, err := root.CallInTime(m.FileCalls(), file, func() ([]byte, error) { return root.ReadRegular(file, configLimit) })
	if err != nil {
		return probe.VM{}, err
	}
	vm, err := parseConfig(data)
	if err != nil {
		return probe.VM{}, fmt.Errorf("%s: %w", file, err)
	}
	return vm, nil
}

// parseConfig reads a config.pvs: an XML file whose HypervisorType is 0 for
// Parallels' own hypervisor and 1 for Apple's.
func parseConfig(data []byte) (probe.VM, error) {
	var vm probe.VM
	var hypervisors int
	err := root.WalkXML(data, func(path, text string) error {
		text = strings.TrimSpace(text)
		switch path {
		case "ParallelsVirtualMachine/Identification/VmUuid":
			vm.UUID = machineID(text)
		case "ParallelsVirtualMachine/Identification/VmName":
			vm.Name = probe.Printable(text)
		case "ParallelsVirtualMachine/Settings/Runtime/HypervisorType":
			hypervisors++
			vm.Hypervisor = map[string]probe.Hypervisor{"0": probe.ParallelsHypervisor, "1": probe.AppleHypervisor}[text]
		}
		return nil
	})
	switch {
	case err != nil:
		return probe.VM{}, err
	case vm.UUID == "":
		return probe.VM{}, errors.New("does not name a virtual machine")
	case hypervisors > 1:
		return probe.VM{}, errors.New("names its hypervisor more than once")
	}
	return vm, nil
}
