package view

import (
	_ "embed" // the style
	"fmt"
)

//go:embed report.css
var reportStyle markup

// htmlPage returns one HTML file without scripts and without references to other files
// or to the network.
func htmlPage(title string, style, body markup) []byte {
	return []byte(fill(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>%v</title>
<style>
%v</style>
</head>
<body>
<main>
%v</main>
</body>
</html>
`, title, style, body))
}

// HTML returns the page as one file; see htmlPage.
func (r Report) HTML() []byte {
	return htmlPage("kextwatch report: "+r.Head.Title, reportStyle, fill(`%v
%v
%v
<section>
<h2>Checks</h2>
%v
</section>

<section>
<h2>Facts</h2>
%v
</section>

%v
<section>
<h2>History</h2>
%v
</section>
`, r.Head.html(), r.Timeline.html(), each(r.Products, ReportProduct.html),
		table(r.Checks, Check.html, "Result", "Finding", "Details and next step"),
		table(r.Facts, Fact.html, "Fact", "Value"), r.unknown(), r.history()))
}

// html draws all text outside of the SVG pictures, where its contrast can be measured.
func (t Timeline) html() markup {
	names := each(t.Lanes, func(l Lane) markup { return fill("<div>%v</div>", l.Name) })
	days := each(t.Days, func(d Day) markup {
		return fill(`<div class="day" style="left: %v"><span>%v</span></div>
`, share(d.X), d.Name)
	})
	return fill(`<section>
<h2>The last days</h2>
<div class="picture" role="img" aria-label="%v"><div class="names">%v</div><div class="chart">
%v<div class="now"><span>now</span></div>
%v</div></div>
</section>
`, t.Label, names, days, each(t.Lanes, Lane.html))
}

// share writes thousandths of a width.
func share(thousandths int) string {
	return fmt.Sprintf("%d.%d%%", thousandths/10, thousandths%10)
}

func (l Lane) html() markup {
	return fill(`<div class="lane">%v<svg width="100%%" height="18"><line class="lane" x1="0" x2="100%%" y1="9" y2="9"/>
%v%v</svg></div>
`, each(l.Marks, Mark.count), each(l.Bars, Span.html), each(l.Marks, Mark.html))
}

func (b Span) html() markup {
	return fill(`<rect class="bar" x="%v" y="3" width="%v" height="12"><title>%v</title></rect>
`, share(b.X), share(b.Width), b.Tip)
}

func (m Mark) html() markup {
	return fill(`<circle class="mark" cx="%v" cy="9" r="4.5"><title>%v</title></circle>
`, share(m.X), m.Tip)
}

// count is the number of moments above a mark.
func (m Mark) count() markup {
	if m.Count < 2 {
		return ""
	}
	return fill(`<span style="left: %v">%v×</span>`, share(m.X), m.Count)
}

func (p ReportProduct) html() markup {
	var kexts markup
	if len(p.Kexts) > 0 {
		kexts = table(p.Kexts, func(k Fact) markup { return row(fill("<code>%v</code>", k.Name), escaped(k.Value)) }, "Kernel extension", "State")
	}
	return fill(`<section>
<h2>%v: %v</h2>
%v%v%v
</section>
`, p.Title, p.State, maybe(`<p>%v</p>`, p.Caution), each(p.Reasons, Reason.html), kexts)
}

func (r Reason) html() markup {
	return fill(`<h3>%v</h3>
<p>%v</p>
%v
`, r.Title, r.Text, maybe(`<p class="next">%v</p>`, r.Next))
}

// html has the ID of the check, for a help desk, only while the pointer is over the row.
func (c Check) html() markup {
	return fill(`<tr title="%v"><td class="level %v">%v</td><th scope="row">%v</th><td>%v%v</td></tr>
`, c.ID, c.Level, mark(c.Level), c.Summary, maybe(`<p class="soft">%v</p>`, c.Detail), next(c.Next))
}

func (f Fact) html() markup { return row(escaped(f.Name), escaped(f.Value)) }

func (r Report) unknown() markup {
	if len(r.Gaps) == 0 {
		return ""
	}
	return fill(`<section>
<h2>Unknown facts</h2>
%v
</section>
`, table(r.Gaps, Missing.html, "Fact", "Reason and next step"))
}

func (m Missing) html() markup { return row(escaped(m.Name), escaped(m.Why)+next(m.Next)) }

func (r Report) history() markup {
	if len(r.History) == 0 {
		return "<p>Nothing has happened yet.</p>"
	}
	return table(r.History, Happening.html, "When", "What happened")
}

func (h Happening) html() markup {
	return fill(`<tr><th scope="row" class="when">%v</th><td>%v</td></tr>
`, stamp(h.At), h.Text)
}

// table draws a table with these heads.
func table[T any](rows []T, draw func(T) markup, heads ...string) markup {
	head := each(heads, func(name string) markup { return fill(`<th scope="col">%v</th>`, name) })
	return fill(`<table>
<thead><tr>%v</tr></thead>
<tbody>
%v</tbody></table>`, head, each(rows, draw))
}

// row draws a name and what belongs to it.
func row(name, value markup) markup {
	return fill(`<tr><th scope="row">%v</th><td>%v</td></tr>
`, name, value)
}

// next draws the next step in a cell.
func next(step string) markup { return maybe(`<p class="next">%v</p>`, step) }
