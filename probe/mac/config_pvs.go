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

const configLimit = 1 << 20 // bytes of a config.pvs; real files have about 20 KB

var (
	errLink      = errors.New("is a symbolic link and is not followed: it may lead to a folder that macOS protects")
	errNoMachine = errors.New("no virtual machine in the usual folders, but there may be some in other folders")
)

// machineFolders returns the usual folders of virtual machines, as paths of this
// machine. Virtual machines can also be in ~/Documents or in the container of
// the App Store edition. kextwatch never reads these folders, because macOS would
// ask the user for permission.
func machineFolders(m root.FS) ([]string, error) {
	shared, err := root.At(m, "/Users/Shared", func(p string) (string, error) { return p, nil })
	if err != nil {
		return nil, err
	}
	folders := []string{filepath.Join(shared, "Parallels")}
	if m.Home == "" {
		return folders, errors.New("the home folder of the user is unknown")
	}
	return append(folders, filepath.Join(m.Home, "Parallels")), nil
}

// readConfigs returns the paths of the config.pvs files in the usual folders, at
// most machineLimit of them, and an error for every folder that cannot be read.
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

// listFolder lists a folder of this machine. A symbolic link is an error.
func listFolder(m root.FS, folder string) ([]string, error) {
	if err := notALink(m, folder); err != nil {
		return nil, err
	}
	return root.CallInTime(m.FileCalls(), folder, func() ([]string, error) { return root.ListDir(folder) })
}

// lstatAt calls lstat for a path of this machine, with a time limit.
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

// searchConfigs reads the virtual machines in the usual folders. Known is set only
// if there is at least one and all of them could be read.
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

// pathOnMac turns a path of this machine into one of the Mac, if it is beneath the
// Mac's root.
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

// parseConfig reads a config.pvs. It is an XML file whose HypervisorType is 0 for
// Parallels' hypervisor and 1 for Apple's.
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
