/* The table of claims can be searched, filtered by verdict and sorted by a column; without this script it is a table. */

addEventListener("DOMContentLoaded", () => {
  const table = [...document.querySelectorAll("article table")].at(-1);
  const body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const verdict = heads.findIndex((head) => head.textContent.trim() === "verdict");
  const verdicts = [...new Set(rows.map((row) => row.cells[verdict].textContent.trim()))].sort();

  const form = document.createElement("form");
  form.className = "claims-filter";
  form.setAttribute("role", "search");
  form.innerHTML = `
    <label>Words <input type="text" name="words"></label>
    <label>Verdict <select name="verdict"><option value="">all</option>
      ${verdicts.map((name) => `<option>${name}</option>`).join("")}</select></label>
    <output aria-live="polite"></output>`;
  table.closest(".pst-scrollable-table-container, table").before(form);

  function filter() {
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = form.elements.verdict.value;
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const fits = !wanted || row.cells[verdict].textContent.trim() === wanted;
      row.hidden = !(fits && words.every((word) => text.includes(word)));
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown} of ${rows.length} claims`;
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent.trim();
    (head.querySelector("p") ?? head).replaceChildren(button);
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const text = (row) => row.cells[column].textContent.trim();
      rows.sort((a, b) => text(a).localeCompare(text(b), "en", { numeric: true }) * (falling ? -1 : 1));
      body.append(...rows);
    });
  });

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
});
