package view

import (
	_ "embed" // the style
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
		table(r.Checks, Check.html, "Result", "Check", "Finding and next step"),
		table(r.Facts, Fact.html, "Fact", "Value"), r.unknown(), r.history()))
}

func (t Timeline) html() markup {
	days := each(t.Days, func(d Day) markup {
		return fill(`<line class="day" x1="%v" x2="%[1]v" y1="22" y2="%v"/><text x="%[1]v" y="16" text-anchor="middle">%[3]v</text>
`, d.X, t.Height, d.Name)
	})
	lanes := each(t.Lanes, func(l Lane) markup {
		return fill(`<text class="name" x="10" y="%v" dy="4">%v</text><line class="lane" x1="110" x2="%v" y1="%[1]v" y2="%[1]v"/>
%[4]v%[5]v`, l.Y, l.Name, t.Width,
			each(l.Bars, func(b Span) markup { return b.html(l.Y) }), each(l.Marks, func(m Mark) markup { return m.html(l.Y) }))
	})
	return fill(`<section>
<h2>The last days</h2>
<div class="picture" role="region" tabindex="0" aria-label="The last days"><svg viewBox="0 0 %v %v" role="img" aria-label="%v">
%v<line class="now" x1="%v" x2="%[5]v" y1="22" y2="%[2]v"/>
%[6]v</svg></div>
</section>
`, t.Width, t.Height, t.Label, days, t.Now, lanes)
}

func (b Span) html(y int) markup {
	return fill(`<rect class="bar" x="%v" y="%v" width="%v" height="14" rx="3" transform="translate(0 -7)"><title>%v</title></rect>
`, b.X, y, b.Width, b.Tip)
}

func (m Mark) html(y int) markup {
	radius, count := 5, markup("")
	if m.Count > 1 {
		radius = 8
		count = fill(`<text class="count" x="%v" y="%v" dy="3.5" text-anchor="middle">%v</text>`, m.X, y, m.Count)
	}
	return fill(`<g><title>%v</title><circle class="mark" cx="%v" cy="%v" r="%v"/>%v</g>
`, m.Tip, m.X, y, radius, count)
}

func (p ReportProduct) html() markup {
	var kexts markup
	if len(p.Kexts) > 0 {
		kexts = table(p.Kexts, func(k Fact) markup { return row(fill("<code>%v</code>", k.Name), escaped(k.Value)) }, "Kernel extension", "State")
	}
	return fill(`<section>
<h2>%v: %v</h2>
%v%v
</section>
`, p.Title, p.State, each(p.Reasons, Reason.html), kexts)
}

func (r Reason) html() markup {
	return fill(`<h3>%v</h3>
<p>%v</p>
%v
`, r.Title, r.Text, maybe(`<p class="next">%v</p>`, r.Next))
}

func (c Check) html() markup {
	return fill(`<tr><td class="level %v">%v</td><th scope="row"><code>%v</code></th><td>%v%v%v</td></tr>
`, c.Level, mark(c.Level), c.ID, c.Summary, maybe(`<br><span class="soft">%v</span>`, c.Detail), next(c.Next))
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
func next(step string) markup { return maybe(`<br><span class="next">%v</span>`, step) }
