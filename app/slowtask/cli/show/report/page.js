"use strict";
// Sort the ranking when a column's title is clicked: descending first, since the worst matter most.
const body = document.querySelector(".ranking tbody");
const heads = [...document.querySelectorAll(".ranking thead th")];
const value = (row, column) => {
  const text = row.cells[column].dataset.value;
  return column ? (text === "" ? -1 : Number(text)) : text;
};
heads.forEach((head, column) => head.firstElementChild.addEventListener("click", event => {
  event.preventDefault();
  const first = column ? "descending" : "ascending";
  const other = column ? "ascending" : "descending";
  const order = head.ariaSort === first ? other : first;
  heads.forEach(each => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0) * sign;
  body.append(...[...body.rows].sort((a, b) => compare(value(a, column), value(b, column))));
  dispatchEvent(new CustomEvent("sorted", {detail: {head, order}}));
}));

// Show the figures of a chart's time slot under the pointer or the finger.
const tip = document.getElementById("tip");
document.addEventListener("pointermove", show);
document.addEventListener("pointerdown", show);
document.addEventListener("scroll", () => { tip.hidden = true; });
function show(event) {
  const mark = event.target.closest(".tips_marks [aria-label]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.getAttribute("aria-label");
  const room = tip.getBoundingClientRect();
  const left = event.clientX + 14 + room.width < innerWidth ? event.clientX + 14 : event.clientX - 14 - room.width;
  const top = Math.min(event.clientY + 14, innerHeight - room.height - 8);
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}
