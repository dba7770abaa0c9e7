// A table built cell by cell: no text is ever read as HTML, and rows that stay keep their nodes.
const root = element.querySelector(".pg-table");
const update = () => {
  const v = props.value || {}, columns = v.columns || [], rows = v.rows || [];
  let grid = root.querySelector("table"), none = root.querySelector("p");
  if (!grid) {
    grid = make("table", "", root);
    make("tr", "", make("thead", "", grid));
    make("tbody", "", grid);
    none = make("p", "pg-hint", root);
  }
  const head = grid.tHead.rows[0], body = grid.tBodies[0], hasAction = rows.some((row) => row.id !== null && row.id !== undefined);
  const labels = [...columns.map((c) => c.label), ...(hasAction ? [""] : [])];
  while (head.children.length > labels.length) head.lastChild.remove();
  labels.forEach((label, i) => {
    const cell = head.children[i] || make("th", "", head, { scope: "col" });
    setText(cell, label);
    cell.className = columns[i]?.number ? "pg-number" : "";
  });
  while (body.rows.length > rows.length) body.lastChild.remove();
  rows.forEach((row, i) => {
    const line = body.rows[i] || make("tr", "", body);
    line.classList.toggle("pg-best", Boolean(row.best));
    while (line.children.length > labels.length) line.lastChild.remove();
    labels.forEach((_, j) => {
      const cell = line.children[j] || make("td", "", line);
      if (j < columns.length) {
        if (cell.querySelector("button")) cell.replaceChildren();
        setText(cell, row.cells[j] ?? "");
        cell.className = columns[j].number ? "pg-number" : "";
        cell.toggleAttribute("data-volatile", Boolean(columns[j].volatile));
        return;
      }
      let button = cell.querySelector("button");
      if (!button) {
        cell.replaceChildren();
        button = make("button", "pg-row-button", cell, { type: "button" });
        button.addEventListener("click", () => trigger("click", { row: button.dataset.row }));
      }
      button.hidden = row.id === null || row.id === undefined;
      button.dataset.row = row.id ?? "";
      setText(button, v.action || "");
      button.setAttribute("aria-label", `${v.action || ""} ${row.cells[0]}`);
    });
  });
  grid.hidden = !rows.length;
  none.hidden = rows.length > 0;
  setText(none, v.empty || "");
  root.setAttribute("aria-label", labels.join(", "));
};
watch("value", update);
update();
