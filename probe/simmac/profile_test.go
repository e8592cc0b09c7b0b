package simmac

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"howett.net/plist"

	"kextwatch/probe"
	"kextwatch/probe/mactest"
)

func mobileconfig(t *testing.T, payload map[string]any) []byte {
	t.Helper()
	data, err := plist.Marshal(map[string]any{"PayloadType": "Configuration", "PayloadVersion": 1, "PayloadContent": []any{payload}}, plist.XMLFormat)
	mactest.NoError(t, err)
	return data
}

// A profile decides for each kext whether it loads without an approval by the user.
func TestInstallProfileForKexts(t *testing.T) {
	now := time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		payload map[string]any
		loads   bool
	}{
		"the team":     {map[string]any{"AllowedTeamIdentifiers": []string{probe.ParallelsTeamID}}, true},
		"another team": {map[string]any{"AllowedTeamIdentifiers": []string{anotherTeam}}, false},
		"each kext": {map[string]any{"AllowedKernelExtensions": map[string]any{probe.ParallelsTeamID: []string{
			"com.parallels.kext.hypervisor", "com.parallels.kext.usbconnect", "com.parallels.kext.netbridge", "com.parallels.kext.vnic",
		}}}, true},
		"another kext": {map[string]any{"AllowedKernelExtensions": map[string]any{probe.ParallelsTeamID: []string{"com.parallels.virtualhid"}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(t.TempDir(), Options{MacOS: "10.15.7", Parallels: "16.5.1", Now: now})
			mactest.NoError(t, err)
			tt.payload["PayloadType"] = "com.apple.syspolicy.kernel-extension-policy"
			mactest.NoError(t, m.InstallProfile(mobileconfig(t, tt.payload)))
			if err := m.Load(now); (err == nil) != tt.loads {
				t.Errorf("loading: %v, want success: %v", err, tt.loads)
			}
			var kept map[string]any
			if err := m.readPlist(probe.ManagedKextPolicy, &kept); err != nil || kept["PayloadType"] == nil {
				t.Errorf("macOS keeps %v, %v", kept, err)
			}
		})
	}
}

func TestInstallProfileForSettings(t *testing.T) {
	m, err := New(t.TempDir(), Options{MacOS: "13.7.2", Now: time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)})
	mactest.NoError(t, err)
	values := map[string]any{"SnoozeMinutes": uint64(5), "WatchVendors": "all"}
	mactest.NoError(t, m.InstallProfile(mobileconfig(t, map[string]any{
		"PayloadType": "com.apple.ManagedClient.preferences",
		"PayloadContent": map[string]any{probe.AgentLabel: map[string]any{
			"Forced":   []any{map[string]any{"mcx_preference_settings": values}},
			"Set-Once": []any{map[string]any{"mcx_preference_settings": map[string]any{"Reminders": []int{1}}}},
		}},
	})))
	var got map[string]any
	mactest.NoError(t, m.readPlist(probe.ManagedSettings+"/"+probe.AgentLabel+".plist", &got))
	if !reflect.DeepEqual(got, values) {
		t.Errorf("managed preferences %v, want %v", got, values)
	}
}

func TestInstallProfileRefuses(t *testing.T) {
	m, err := New(t.TempDir(), Options{MacOS: "13.7.2", Now: time.Date(2026, 5, 6, 5, 50, 0, 0, time.UTC)})
	mactest.NoError(t, err)
	for want, data := range map[string][]byte{
		"the profile: ":                []byte("rubbish {"),
		"not a configuration profile":  []byte(`<plist version="1.0"><dict><key>PayloadType</key><string>Configuration</string></dict></plist>`),
		`the payload "com.apple.dock"`: mobileconfig(t, map[string]any{"PayloadType": "com.apple.dock"}),
		`invalid preference domain "../x"`: mobileconfig(t, map[string]any{
			"PayloadType": "com.apple.ManagedClient.preferences", "PayloadContent": map[string]any{"../x": map[string]any{}},
		}),
	} {
		if err := m.InstallProfile(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
