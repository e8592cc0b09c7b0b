package approval

// collected is the answer of assessment.collected.
type collected int

const (
	collectedUnknown collected = iota
	collectedNo
	collectedOther // in another version
	collectedYes
)

// notCollected stands for the version of an extension that is not in the collection.
const notCollected = "-"

// collected compares the version of an extension in the auxiliary kernel collection of
// this boot with the one on disk.
func (a *assessment) collected(f *kextFacts) collected {
	is := a.rememberedKext(f)
	if !a.inThisSession(is.CollectedIn) {
		return collectedUnknown
	}
	return f.compareCollected(is.Collected)
}

// compareCollected compares a version in a collection, or notCollected, with the one on
// disk.
func (f *kextFacts) compareCollected(version string) collected {
	switch {
	case version == notCollected:
		return collectedNo
	case f.onDisk(version), f.unread():
		return collectedYes
	}
	return collectedOther
}

// untried reports whether the last attempt to load an extension was made before this
// macOS was installed. An extension enters the collection at its first attempt.
func (a *assessment) untried(f *kextFacts) bool {
	return f.record().LastSeen.Before(installedAt(a.snap.Updates, a.snap.Mac.OS))
}

// collectedVersion returns the version of an extension in the collection: the one on
// disk if it has several.
func (a *assessment) collectedVersion(f *kextFacts) string {
	version := notCollected
	for _, k := range a.snap.Collection.Kexts {
		if k.BundleID == f.bundleID && (version == notCollected || f.onDisk(k.Version)) {
			version = k.Version
		}
	}
	return version
}
