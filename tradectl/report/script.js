"use strict";
const SVG = "http://www.w3.org/2000/svg";

function walk(plot) {
  const points = JSON.parse(plot.dataset.points);
  const said = plot.parentElement.querySelector(".said");
  const svg = plot.querySelector("svg");
  const line = document.createElementNS(SVG, "path");
  const dot = document.createElementNS(SVG, "path");
  line.setAttribute("class", "cursor");
  dot.setAttribute("class", "dot here");
  let at = -1;
  function show(index) {
    if (index < 0 || index >= points.length) return;
    at = index;
    const [x, y, text] = points[index];
    line.setAttribute("d", `M${x} 0V1000`);
    dot.setAttribute("d", `M${x} ${y}h0`);
    if (!line.isConnected) svg.append(line, dot);
    said.textContent = text;
  }
  function nearest(event) {
    const box = plot.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * 1000;
    const y = (event.clientY - box.top) / box.height * 1000;
    let best = 0, least = Infinity;
    points.forEach((point, index) => {
      const far = Math.abs(point[0] - x) * box.width + Math.abs(point[1] - y) * box.height * 0.15;
      if (far < least) { least = far; best = index; }
    });
    show(best);
  }
  plot.addEventListener("pointermove", nearest);
  plot.addEventListener("pointerdown", nearest);
  plot.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, PageDown: 20, PageUp: -20 };
    if (event.key === "Home") show(0);
    else if (event.key === "End") show(points.length - 1);
    else if (event.key in steps) show(Math.min(Math.max(at + steps[event.key], 0), points.length - 1));
    else return;
    event.preventDefault();
  });
}

function sortable(table) {
  const body = table.tBodies[0];
  table.querySelectorAll("th button").forEach((button) => {
    const head = button.parentElement;
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const column = head.cellIndex, sign = down ? 1 : -1;
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
      const rows = Array.from(body.rows, (row) => [key(row), row]);
      const numbers = rows.every(([text]) => text !== "" && !Number.isNaN(Number(text)));
      rows.sort(([a], [b]) => sign * (numbers ? a - b : a < b ? -1 : a > b ? 1 : 0));
      body.append(...rows.map(([, row]) => row));
    });
  });
}

function filterable(input) {
  const table = document.getElementById(input.getAttribute("aria-controls"));
  const told = input.parentElement.querySelector(".told");
  const rows = Array.from(table.tBodies[0].rows, (row) => [row.textContent.toLowerCase(), row]);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [text, row] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    told.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
}

document.querySelectorAll("[data-points]").forEach(walk);
document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("input[type=search]").forEach(filterable);
addEventListener("beforeprint", () => {
  document.querySelectorAll("details.figures").forEach((each) => { each.open = true; });
});
