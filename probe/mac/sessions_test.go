package mac

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kextwatch/probe/hostile"
)

func TestParseLoggedIn(t *testing.T) {
	list := func(sessions ...string) string {
		return ioregOf("<key>IOConsoleUsers</key><array>" + strings.Join(sessions, "") + "</array>")
	}
	done := func(uid int, loggedIn string) string {
		return strings.Replace(session(uid, ""), "</dict>", "<key>kCGSessionLoginDoneKey</key>"+loggedIn+"</dict>", 1)
	}
	for name, c := range map[string]struct {
		out  string
		want []int
		err  string
	}{
		"one user":             {list(done(501, "<true/>")), []int{501}, ""},
		"two users":            {list(done(502, "<true/>"), done(501, "<true/>")), []int{501, 502}, ""},
		"twice":                {list(done(501, "<true/>"), done(501, "<true/>")), []int{501}, ""},
		"the key is missing":   {list(session(501, "")), []int{501}, ""},
		"nobody":               {list(), []int{}, ""},
		"the login window":     {list(done(0, "<false/>")), []int{}, ""},
		"somebody logs in now": {list(done(501, "<true/>"), done(502, "<false/>")), []int{501}, ""},
		"the setup assistant":  {list(done(248, "<true/>")), []int{}, ""},
		"root":                 {list(done(0, "<true/>")), []int{0}, ""},
		"no user, logging in":  {list("<dict><key>kCGSessionLoginDoneKey</key><false/></dict>"), []int{}, ""},
		"no user, logged in":   {list(done(501, "<true/>"), "<dict><key>kCGSessionLoginDoneKey</key><true/></dict>"), nil, "without a user"},
		"a name for the uid":   {list("<dict><key>kCGSSessionUserIDKey</key><string>501</string></dict>"), nil, "without a user"},
		"a huge uid":           {list("<dict><key>kCGSSessionUserIDKey</key><integer>18446744073709551615</integer></dict>"), nil, "without a user"},
		"no list of sessions":  {ioregOf(""), nil, "lists no login sessions"},
		"another shape":        {ioregOf("<key>IOConsoleUsers</key><string>me</string>"), nil, "damaged property list"},
		"one of other shape":   {list("<string>me</string>", done(501, "<true/>")), nil, "has another type"},
		"nothing":              {"", nil, "neither XML nor binary"},
		"half":                 {list(done(501, "<true/>"))[:200], nil, "damaged property list"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseLoggedIn([]byte(c.out))
			wantError(t, err, c.err)
			if !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func FuzzParseLoggedIn(f *testing.F) {
	f.Add([]byte(ioregOf(fmt.Sprintf("<key>IOConsoleUsers</key><array>%s%s</array>", session(501, ""), session(502, "")))))
	hostile.Fuzz(f, func(t *testing.T, out []byte) {
		users, err := parseLoggedIn(out)
		if err != nil && users != nil || err == nil && users == nil || !slices.IsSorted(users) {
			t.Errorf("%v, %v", users, err)
		}
	})
}
