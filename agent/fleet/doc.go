// Package fleet creates files for the tools that manage many Macs: configuration profiles,
// the state of a Mac in the formats of these tools, and the scripts and queries that read
// it. It is plain: it returns text and values, and touches no machine.
//
// The tools define the formats. Jamf Pro stores the text between <result> and </result> of
// a script, and a blank value if it prints no result (its documentation of extension
// attributes). Munki deletes ConditionalItems.plist, runs its condition scripts, and adds the
// keys of that file to what its conditions compare (facts.swift of munki/munki). osquery
// gives each value of a property list a row with path, key and subkey (preferences.cpp and
// plist.mm of osquery/osquery).
package fleet
