// Runs in a copy of a page before it is printed. It repeats the page from several heights,
// so that many different places fall on the end of a sheet, and it marks the beginning and
// the end of what must not be cut: k, a number, and a letter for the kind.
const first = document.querySelector("main");
for (let i = 1; i <= 8; i++) {
  const again = first.cloneNode(true);
  const space = document.createElement("div");
  space.style.height = `${i * 109}px`;
  again.prepend(space);
  again.style.breakBefore = "page";
  document.body.append(again);
}
const kinds = {HEADER: "b", DIV: "b", H2: "h", H3: "h", P: "p", PRE: "p", LI: "r", TR: "r"};
document.querySelectorAll("header, .picture, h2, h3, tr, li, section > p, main > p").forEach((element, number) => {
  const mark = document.createElement("b");
  mark.style.cssText = "white-space: nowrap; font-size: 7px";
  mark.textContent = ` k${number}${element.closest("thead") ? "t" : kinds[element.tagName]} `;
  let ends = element.matches("tr") ? [...element.children] : [element];
  if (element.matches(".picture")) {
    ends = [...element.querySelectorAll(".names > div")];
  }
  for (const end of ends) {
    end.prepend(mark.cloneNode(true));
    end.append(mark.cloneNode(true));
  }
});
