// Runs in a copy of the report, after axe-core, and leaves what it found where
// a test can read it.
axe.run(document, {resultTypes: ["violations", "incomplete"]}).then((result) => {
  const found = {
    Dark: matchMedia("(prefers-color-scheme: dark)").matches,
    Wider: document.documentElement.scrollWidth > innerWidth,
    Fetched: performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:")),
    Passes: result.passes.length,
    Violations: result.violations.map((v) => ({
      ID: v.id, Help: v.help, Nodes: v.nodes.slice(0, 5).map((n) => ({HTML: n.html, FailureSummary: n.failureSummary})),
    })),
    Incomplete: result.incomplete.map((i) => i.id),
  };
  const place = document.createElement("pre");
  place.id = "examined";
  place.textContent = JSON.stringify(found);
  document.body.append(place);
});
