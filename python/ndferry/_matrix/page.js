"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
const rows = [...document.querySelectorAll(".grid tbody tr")].map(row => [...row.querySelectorAll("button")]);
let way = "best";

const waysOf = cell => data.cells[cell.dataset.from + " " + cell.dataset.to] || {};
const nameOf = cell => data.titles[cell.dataset.from] + " → " + data.titles[cell.dataset.to];

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// What the cell shows: the outcome of the chosen protocol.
function paint() {
  for (const cell of rows.flat()) {
    const pair = cell.dataset.from + " " + cell.dataset.to;
    const protocol = way === "best" ? data.best[pair] : way;
    const outcome = (waysOf(cell)[protocol] || ["untaken"])[0];
    const [mark, text] = data.outcomes[outcome];
    cell.className = "cell " + outcome;
    cell.firstChild.textContent = mark;
    cell.setAttribute("aria-label", nameOf(cell).replace("→", "to") + ": " + text);
  }
}

// Every protocol of a pair, in a box beside the cell.
function show(cell) {
  const list = element("dl");
  for (const [protocol, [outcome, flavour, detail]] of Object.entries(waysOf(cell))) {
    if (way !== "best" && protocol !== way) continue;
    const term = element("dt");
    const mark = element("span", data.outcomes[outcome][0], "cell " + outcome);
    mark.setAttribute("aria-hidden", "true");
    term.append(mark, element("span", protocol));
    const told = (flavour ? "(" + flavour + ") " : "") + (detail || data.outcomes[outcome][1]);
    list.append(term, element("dd", told));
  }
  if (!list.children.length) list.append(element("dt"), element("dd", data.outcomes.untaken[1]));
  tip.replaceChildren(element("b", nameOf(cell)), list);
  tip.hidden = false;
  const at = cell.getBoundingClientRect();
  const left = Math.min(at.right + 8, innerWidth - tip.offsetWidth - 8);
  const isBelow = left < at.right + 8 || at.top + tip.offsetHeight > innerHeight;
  const below = at.bottom + 8 + tip.offsetHeight > innerHeight ? at.top - tip.offsetHeight - 8 : at.bottom + 8;
  tip.style.left = Math.max(8, left) + scrollX + "px";
  tip.style.top = Math.max(8, isBelow ? below : at.top) + scrollY + "px";
  mark(cell, true);
}

function mark(cell, on) {
  const column = rows.find(row => row.includes(cell)).indexOf(cell);
  cell.closest("tr").querySelector("th").classList.toggle("on", on);
  document.querySelectorAll(".grid th.up")[column].classList.toggle("on", on);
}

function hide(cell) {
  tip.hidden = true;
  mark(cell, false);
}

// One cell can be reached with Tab, the arrow keys go on from there.
function move(event) {
  const steps = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const cell = event.target;
  if (event.key === "Escape") return hide(cell);
  const y = rows.findIndex(row => row.includes(cell)), x = rows[y].indexOf(cell);
  const [dy, dx] = steps[event.key] || [0, 0];
  const edge = { Home: [y, 0], End: [y, rows[y].length - 1] }[event.key];
  const target = edge ? rows[edge[0]][edge[1]] : (dy || dx) && rows[y + dy] && rows[y + dy][x + dx];
  if (!target) return;
  event.preventDefault();
  cell.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}

for (const cell of rows.flat()) {
  cell.addEventListener("mouseenter", () => show(cell));
  cell.addEventListener("mouseleave", () => hide(cell));
  cell.addEventListener("focus", () => show(cell));
  cell.addEventListener("blur", () => hide(cell));
  cell.addEventListener("keydown", move);
}
if (rows.length && rows[0].length) rows[0][0].tabIndex = 0;
for (const input of document.querySelectorAll("fieldset input")) {
  input.addEventListener("change", () => { way = input.value; paint(); });
}
