package mac

import "kextwatch/probe/root"

// bundleInfos remembers the property lists of bundles that the last snapshot read. A
// list is good as long as the stamp of its file stays the same. Reading and parsing
// them took a fifth of the time to a new window.
type bundleInfos struct {
	last, now map[string]bundleInfo
}

type bundleInfo struct {
	stamp root.Stamp
	info  root.BundleInfo
}

// read is root.FS.ReadInfo. A nil b remembers nothing.
func (b *bundleInfos) read(m root.FS, bundle string) (root.BundleInfo, error) {
	if b == nil {
		return m.ReadInfo(bundle)
	}
	stamp, err := m.Stamp(bundle + "/Contents/Info.plist")
	if err != nil || stamp == (root.Stamp{}) {
		return m.ReadInfo(bundle)
	}
	known, ok := b.last[bundle]
	if !ok || known.stamp != stamp {
		info, err := m.ReadInfo(bundle)
		if err != nil {
			return info, err
		}
		known = bundleInfo{stamp, info}
	}
	b.now[bundle] = known
	return known.info, nil
}

// next begins the next snapshot. What the last one did not read is forgotten.
func (b *bundleInfos) next() { b.last, b.now = b.now, map[string]bundleInfo{} }
