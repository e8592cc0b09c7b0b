package simmac

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kextwatch/probe"
)

// macBuilds has the builds of some releases of macOS.
var macBuilds = map[string]string{
	"10.13.6": "17G14042",
	"10.14.6": "18G9323",
	"10.15.7": "19H2026",
	"11.7.10": "20G1427",
	"12.7.6":  "21H1320",
	"13.7.2":  "22H313",
	"14.7.2":  "23H311",
	"15.2":    "24C101",
	"26.2":    "25C56",
}

// macNames has the names that Software Update shows.
var macNames = map[string]string{
	"10.13": "High Sierra", "10.14": "Mojave", "10.15": "Catalina",
	"11": "Big Sur", "12": "Monterey", "13": "Ventura", "14": "Sonoma", "15": "Sequoia", "26": "Tahoe",
}

// parallelsBuilds has the builds of some releases of Parallels Desktop, including
// the last release of each major version.
var parallelsBuilds = map[string]string{
	"12.2.1": "41615",
	"13.3.2": "43368",
	"14.0.1": "45154",
	"14.1.3": "45485",
	"15.1.5": "47309",
	"16.0.1": "48919",
	"16.5.1": "49187",
	"16.5.2": "50703",
	"17.1.7": "51588",
	"18.1.1": "53328",
	"18.3.4": "53630",
	"19.4.3": "54993",
	"20.4.2": "55999",
	"26.4.1": "57516",
	"27.0.2": "58673",
}

var (
	macBuild         = probe.Form{Expr: `^[0-9]+[A-Z][0-9]+[a-z]?$`}
	macVersion       = probe.Form{Expr: `^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$`}
	parallelsVersion = probe.Form{Expr: `^[0-9]{1,3}(\.[0-9]{1,3}){0,2}(-[0-9]{1,9})?$`}
)

// parseMacOS checks a version and finds its build. A release that is not in
// macBuilds gets an invented build in the right form.
func parseMacOS(version, build string) (probe.OSVersion, error) {
	v := probe.OSVersion{Version: version, Build: build}
	if !macVersion.MatchString(version) {
		return v, fmt.Errorf("invalid version %q of macOS: use one such as 10.15.7 or 15.2", version)
	}
	if !v.AtLeast(10, 13) {
		return v, fmt.Errorf("macOS %s has no kernel extension policy: use 10.13 or later", version)
	}
	if build != "" && !macBuild.MatchString(build) {
		return v, fmt.Errorf("invalid build %q: use one such as 19H2026", build)
	}
	if !strings.Contains(version, ".") {
		v.Version += ".0" // macOS reports "26.0", never "26"
	}
	if build == "" {
		v.Build = macBuilds[version]
	}
	if v.Build == "" {
		n := numbers(version)
		letter, last := n[1], n[2]
		if v.Major() == 10 {
			letter, last = n[2], 0
		}
		v.Build = fmt.Sprintf("%d%c%d", darwin(v), 'A'+letter%26, 100+last)
	}
	return v, nil
}

// darwin returns the major version of the kernel.
func darwin(v probe.OSVersion) int {
	switch {
	case v.Major() == 10:
		return v.Minor() + 4
	case v.Major() < 26:
		return v.Major() + 9
	}
	return v.Major() - 1 // 15 was followed by 26, Darwin 24 by 25
}

// marketingName returns Software Update's name of a release: "macOS Sequoia 15.2".
func marketingName(v probe.OSVersion) string {
	key := strconv.Itoa(v.Major())
	if v.Major() == 10 {
		key += "." + strconv.Itoa(v.Minor())
	}
	if name := macNames[key]; name != "" {
		return "macOS " + name + " " + v.Version
	}
	return "macOS " + v.Version
}

// parseParallels splits "18.1.1-53328". A release without a build that is not in
// parallelsBuilds gets an invented build.
func parseParallels(s string) (version, build string, err error) {
	if !parallelsVersion.MatchString(s) {
		return "", "", fmt.Errorf("invalid version %q of Parallels Desktop: use one such as 18.1.1 or 18.1.1-53328", s)
	}
	version, build, _ = strings.Cut(s, "-")
	if build == "" {
		build = parallelsBuilds[version]
	}
	if build == "" {
		n := numbers(version)
		build = strconv.Itoa(38000 + n[0]*800 + n[1]*40 + n[2])
	}
	return version, build, nil
}

// newer reports whether version a is later than version b.
func newer(a, b string) bool { return slices.Compare(numbers(a), numbers(b)) > 0 }

// numbers returns the three numbers of a valid version.
func numbers(version string) []int {
	n := make([]int, 3)
	for i, part := range strings.Split(version, ".") {
		n[i], _ = strconv.Atoi(part)
	}
	return n
}
