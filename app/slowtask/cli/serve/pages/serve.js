
// The pages of slowtask serve beside the report: keys, the filter, and loading again. All works without it.
const filter = document.querySelector(".filter input");
const keys = document.getElementById("keys");
const help = document.getElementById("help");
const links = () => [...document.querySelectorAll("main tbody tr:not([hidden]) > th a")];
const typing = element => element.matches("input, select, textarea");

// What the page shows stays in its address, so that the address can be sent to a colleague.
function remember(changes) {
  const url = new URL(location);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  history.replaceState(null, "", url);
}
addEventListener("sorted", ({detail: {head, order}}) => remember({sort: head.textContent.toLowerCase(), order}));

// Move the focus by so many rows; at first to the first or last.
function move(step) {
  const all = links();
  if (!all.length) return;
  const row = document.activeElement.closest("main tbody tr");
  const at = row ? all.findIndex(each => row.contains(each)) : -1;
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
  next.focus();
  next.closest("tr").scrollIntoView({block: "nearest", inline: "nearest"});
}

function narrow() {
  const text = filter.value.trim().toLowerCase();
  const rows = [...body?.rows ?? []];
  for (const row of rows) row.hidden = !row.cells[0].dataset.value.toLowerCase().includes(text);
  const left = rows.filter(row => !row.hidden).length;
  filter.form.querySelector("output").textContent = text ? `${left} of ${rows.length} rows` : "";
}
filter?.addEventListener("input", () => { narrow(); remember({filter: filter.value.trim()}); });
// Unless all rows are here already, the server looks for them.
const complete = !filter?.defaultValue && !document.querySelector(".ranking tfoot");
filter?.form.addEventListener("submit", event => {
  if (!complete) return;
  event.preventDefault();
  move(1);
});

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || keys.open) return;
  const at = document.activeElement;
  if (event.key === "Escape" && at === filter) {
    filter.value = "";
    filter.dispatchEvent(new Event("input"));
    filter.blur();
    if (!complete) filter.form.submit();
  } else if (typing(at)) return;
  else if (event.key === "j" || (event.key === "ArrowDown" && at.matches("tbody a"))) move(1);
  else if (event.key === "k" || (event.key === "ArrowUp" && at.matches("tbody a"))) move(-1);
  else if (event.key === "/" && filter) filter.focus();
  else if (event.key === "?") keys.showModal();
  else return;
  event.preventDefault();
}
document.addEventListener("keydown", press);
help.hidden = false;
help.addEventListener("click", () => keys.showModal());

// A page that isn't done loads itself again, but not under the hands of somebody who types or copies.
const wait = Number(document.body.dataset.refresh);
function loadAgain() {
  if (typing(document.activeElement) || keys.open || !getSelection().isCollapsed) return;
  sessionStorage.setItem("row", document.activeElement.href ?? "");
  location.reload();
}
if (wait) setInterval(loadAgain, wait * 1000);
// The row that had the focus before has it again.
const last = sessionStorage.getItem("row");
sessionStorage.removeItem("row");
if (last) links().find(each => each.href === last)?.focus();
