"use strict";
// Tables sort by their headers; the sorting that was last chosen stands in the
// address as #sort=TABLE.COLUMN.DIRECTION, so that it can be kept and sent.
const tables = [...document.querySelectorAll("table.sortable")];

function sort(table, column, direction) {
  const heads = table.tHead.rows[0].cells;
  const body = table.tBodies[0];
  const sign = direction === "descending" ? -1 : 1;
  const rows = [...body.rows].map((row, place) => {
    const cell = row.cells[column];
    const value = cell.dataset.value;
    return {row, place, number: value === undefined ? NaN : Number(value), text: cell.textContent.trim()};
  });
  const numeric = heads[column].classList.contains("n");
  rows.sort((a, b) => {
    if (numeric) {
      // What has no number stands last, whichever the direction.
      const lack = Number.isNaN(a.number) - Number.isNaN(b.number);
      if (lack) return lack;
      if (a.number !== b.number && !Number.isNaN(a.number)) return a.number < b.number ? -sign : sign;
      return a.place - b.place;
    }
    return sign * a.text.localeCompare(b.text, "en", {numeric: true}) || a.place - b.place;
  });
  body.append(...rows.map(r => r.row));
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].setAttribute("aria-sort", direction);
}

tables.forEach((table, index) => {
  table.id ||= "table-" + (index + 1);
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      history.replaceState(null, "", "#sort=" + [table.id, column, direction].join("."));
      sort(table, column, direction);
    });
  });
});

for (const input of document.querySelectorAll("input[data-filter]")) {
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of document.getElementById(input.dataset.filter).tBodies[0].rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
  });
}

// An address with a sorting presses the header's button.
const asked = location.hash.match(/^#sort=([\w-]+)\.(\d+)\.(ascending|descending)$/);
if (asked) {
  const head = document.getElementById(asked[1])?.tHead?.rows[0].cells[asked[2]];
  head?.querySelector("button").click();
  if (asked[3] === "descending") head?.querySelector("button").click();
}
