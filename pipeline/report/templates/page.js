"use strict";

// Pictures are drawn when they come near the screen, in the colours of the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const touch = matchMedia("(pointer: coarse)");

function inColours(layout) {
  const style = getComputedStyle(document.documentElement);
  const [text, line, card] = ["--text", "--line", "--card"].map((n) => style.getPropertyValue(n));
  const family = getComputedStyle(document.body).fontFamily;
  const dressed = { ...layout, font: { color: text, family, size: 12 } };
  dressed.hoverlabel = { bgcolor: card, bordercolor: line, font: { color: text } };
  if (touch.matches) dressed.dragmode = false; // a finger scrolls the page
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    dressed[name] = { gridcolor: line, zerolinecolor: line, linecolor: line, ...layout[name] };
  }
  return dressed;
}

function draw(plot) {
  const { data, layout } = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  Plotly.newPlot(plot, data, inColours(layout), { displaylogo: false, responsive: true });
}

const plots = [...document.querySelectorAll(".plot")];
const waiting = new Set(plots);
const nearby = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((e) => appear(e.target)),
  { rootMargin: "300px" },
);
function appear(plot) {
  if (!waiting.delete(plot)) return;
  nearby.unobserve(plot);
  draw(plot);
}
plots.forEach((plot) => nearby.observe(plot));
addEventListener("beforeprint", () => plots.forEach(appear));
dark.addEventListener("change", () => plots.filter((plot) => !waiting.has(plot)).forEach(draw));

// A click on a title sorts; what has no value stays last.
function compare(one, other) {
  const [a, b] = [Number(one), Number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
}

for (const table of document.querySelectorAll("table[data-sortable]")) {
  const titles = [...table.tHead.rows[0].cells];
  titles.forEach((title, column) => title.firstElementChild.addEventListener("click", () => {
    const down = title.getAttribute("aria-sort") === "ascending";
    const sign = down ? -1 : 1;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [row.cells[column].dataset.key, row]);
    rows.sort(([a], [b]) => (a === "") - (b === "") || sign * compare(a, b));
    body.replaceChildren(...rows.map(([, row]) => row));
    titles.forEach((other) => other.removeAttribute("aria-sort"));
    title.setAttribute("aria-sort", down ? "descending" : "ascending");
  }));
}

// MLflow shows the page in a frame that may open no other page, and has no files beside it.
if (window.self !== window.top) {
  for (const link of document.querySelectorAll("a[data-file]")) link.replaceWith(link.textContent);
  for (const link of document.querySelectorAll("a[data-run]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const note = document.getElementById("address");
      note.querySelector("code").textContent = link.href;
      note.hidden = false;
      note.scrollIntoView({ block: "nearest" });
    });
  }
}
