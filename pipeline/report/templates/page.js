"use strict";

// Pictures are drawn one after the other, in the colours of the page; for paper once more.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const touch = matchMedia("(pointer: coarse), (hover: none)");
const plots = [...document.querySelectorAll(".plot")];
const waiting = new Set(plots);

function dressed(layout) {
  const style = getComputedStyle(root);
  const [text, line, card] = ["--text", "--line", "--card"].map((n) => style.getPropertyValue(n));
  const family = getComputedStyle(document.body).fontFamily;
  const all = { ...layout, font: { color: text, family, size: 12 } };
  all.hoverlabel = { bgcolor: card, bordercolor: line, font: { color: text } };
  all.annotations = layout.annotations?.map((one) => ({ bgcolor: card, ...one }));
  if (touch.matches) all.dragmode = false; // a finger scrolls the page
  const kind = document.querySelector("input[name=score-axis]:checked")?.value;
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    const score = name.startsWith("y") ? layout.meta?.score_axis?.[kind] : {};
    all[name] = { gridcolor: line, zerolinecolor: line, linecolor: line, ...layout[name], ...score };
  }
  return all;
}

function draw(plot) {
  waiting.delete(plot);
  const { data, layout } = JSON.parse(document.getElementById(plot.dataset.figure).textContent);
  const displayModeBar = touch.matches ? false : "hover"; // it would lie on the legend for good
  const config = { displaylogo: false, displayModeBar, responsive: true };
  Plotly.newPlot(plot, data, dressed(layout), config);
}

function drawAgain() {
  plots.filter((plot) => !waiting.has(plot)).forEach(draw);
}

// As many as there is time for at once; the others while there is nothing else to do.
const whenIdle = window.requestIdleCallback ?? ((call) => setTimeout(call, 20)); // Safari has none
const patience = performance.now() + 3000;
(function drawNext() {
  for (const plot of waiting) {
    draw(plot);
    if (performance.now() > patience) break;
  }
  if (waiting.size) whenIdle(drawNext);
})();

dark.addEventListener("change", drawAgain);
document.querySelector(".switch")?.addEventListener("change", drawAgain);

// On paper nothing scrolls: letters of a table are as small as it needs to fit.
addEventListener("beforeprint", () => {
  root.classList.add("paper");
  for (const table of document.querySelectorAll("table")) {
    const fits = table.parentElement.clientWidth / table.offsetWidth;
    if (fits < 1) table.style.fontSize = `${fits * parseFloat(getComputedStyle(table).fontSize)}px`;
  }
  plots.forEach(draw);
});
addEventListener("afterprint", () => {
  root.classList.remove("paper");
  for (const table of document.querySelectorAll("table")) table.style.fontSize = "";
  plots.forEach(draw);
});

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
