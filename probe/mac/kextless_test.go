package mac

import (
	"strings"
	"testing"

	"kextwatch/probe"
	"kextwatch/probe/hostile"
	"kextwatch/probe/mactest"
	"kextwatch/probe/root"
)

func TestKextless(t *testing.T) {
	settings := func(inside string) string {
		return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ParallelsNetworkConfig dyn_lists=\"VirtualNetworks 0\">\n" + inside + "\n</ParallelsNetworkConfig>\n"
	}
	for name, c := range map[string]struct {
		data string
		want probe.Answer
		err  string
	}{
		"auto":           {settings("<UseKextless>-1</UseKextless>"), probe.Yes, ""},
		"on":             {settings("<UseKextless> 1 </UseKextless>"), probe.Yes, ""},
		"off":            {settings("<UseKextless>0</UseKextless>"), probe.No, ""},
		"not set":        {settings("<Other>0</Other>"), probe.Yes, ""},
		"only a comment": {settings("<!-- <UseKextless>0</UseKextless> -->"), probe.Yes, ""},
		"within another": {settings("<A><UseKextless>0</UseKextless></A>"), probe.No, ""},
		"unknown":        {settings("<UseKextless>2</UseKextless>"), "", `unknown value "2"`},
		"empty":          {settings("<UseKextless></UseKextless>"), "", "unknown value"},
		"twice":          {settings("<UseKextless>0</UseKextless><UseKextless>1</UseKextless>"), "", "more than once"},
		"no XML":         {"UseKextless=0", "", "no element"},
		"cut off":        {settings("<UseKextless>0</UseKextless>")[:80], "", "unexpected EOF"},
		"huge":           {settings(strings.Repeat(" ", networkSettingsLimit)), "", "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			m := root.FS{Root: mactest.Root(t)}
			mactest.AddFile(t, m.Root, probe.ParallelsNetworkSettings, c.data)
			got, err := readKextless(m)
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			wantError(t, err, c.err)
		})
	}
}

func TestKextlessGap(t *testing.T) {
	m := homeMac(t)
	mactest.AddTool(t, m.Root, probe.PrlctlTool, "echo '[]'")
	mactest.AddFile(t, m.Root, probe.ParallelsNetworkSettings, "damaged")
	got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur)
	wantGaps(t, gaps, "Parallels networking")
	if got.Kextless != "" || !got.Known {
		t.Errorf("got %+v, want known machines without a value of UseKextless", got)
	}
	mactest.Remove(t, m.Root, probe.ParallelsNetworkSettings)
	if got, gaps := readMachines(t.Context(), m, parallelsVersion("18.1.1"), bigSur); got.Kextless != probe.Yes || len(gaps) > 0 {
		t.Errorf("absent: %+v, %+v", got, gaps)
	}
}

func FuzzParseKextless(f *testing.F) {
	f.Add([]byte("<ParallelsNetworkConfig><UseKextless>-1</UseKextless></ParallelsNetworkConfig>"))
	f.Add([]byte("<a><UseKextless>0</UseKextless></a>"))
	hostile.Fuzz(f, func(t *testing.T, data []byte) {
		got, err := parseKextless(data)
		if (err == nil) != (got == probe.Yes || got == probe.No) {
			t.Errorf("%q, %v", got, err)
		}
	})
}
