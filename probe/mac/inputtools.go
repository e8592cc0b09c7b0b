package mac

// inputTools make clicks and keys of their own, and users who ran one of them
// found that the Allow button ignored them: macOS takes only what comes from a
// physical device. The names people blamed are in reports about
// Karabiner-Elements, macFUSE and HoRNDIS of 2017 to 2020.
var inputTools = []program{
	{"BetterTouchTool", []string{"BetterTouchTool"}},
	{"Cog", []string{"Cog"}},
	{"High Sierra Media Key Enabler", []string{"HighSierraMediaKeyEnabler", "highsierramediakeyenabler"}},
	{"Karabiner-Elements", []string{"karabiner_grabber", "Karabiner-Core-Service"}},
	{"MagicPrefs", []string{"MagicPrefs"}},
	{"ShareMouse", []string{"ShareMouse"}},
	{"Sonos", []string{"Sonos"}},
	{"SteerMouse", []string{"SteerMouse Manager"}},
	{"Wacom's tablet driver", []string{"WacomTabletDriver", "WacomTouchDriver", "TabletDriver"}},
}
