// Runs in a copy of a page, after axe-core, and leaves what it found where a test can
// read it: in the page that frames the copy.
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then((result) => {
  const found = {
    Name: window.name,
    Dark: matchMedia("(prefers-color-scheme: dark)").matches,
    Wider: document.documentElement.scrollWidth > innerWidth,
    Fetched: performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:")),
    Passes: result.passes.length,
    Violations: result.violations.map((v) => ({
      ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 5).map((n) => ({HTML: n.html, FailureSummary: n.failureSummary})),
    })),
    Undecided: result.incomplete.flatMap((i) => i.nodes.map((n) => `${i.id}: ${n.html}: ${n.any.map((a) => a.message)}`)),
  };
  const place = document.createElement("pre");
  place.className = "examined";
  place.textContent = JSON.stringify(found);
  top.document.body.append(place);
});
