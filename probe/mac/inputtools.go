package mac

// inputTools are programs that generate clicks and keys. macOS accepts only clicks
// of a physical device on the Allow button, so the button may not work while one
// of them runs. The names come from reports of users of Karabiner-Elements,
// macFUSE and HoRNDIS from 2017 to 2020.
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
