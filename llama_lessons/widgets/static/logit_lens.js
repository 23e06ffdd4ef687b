// Draws the trait `rows`: a table of tokens and layers. The card below it shows the five likeliest words of one cell: the
// last one, until a reader points at another, or walks there with the arrow keys. All numbers come from Python.

const MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

function render(view) {
  const { model, signal } = view;
  const box = textBox(model, "text", "textarea", { rows: 2, maxlength: 500 });
  const norm = control("input", { type: "checkbox" });
  const note = make("p", { class: "ll-note", role: "status" });
  const label = "What each layer would say: a row for each layer, a column for each token. Move with the arrow keys.";
  const table = make("table", { class: "ll-lens", role: "grid", "aria-label": label });
  const frame = make("div", { class: "ll-scrolls" }, table);
  const card = make("div", { class: "ll-card", "aria-live": "polite" });
  const drawn = {};
  let cells = []; // of the table, row by row
  let chosen = null; // [row, column] of the cell that the card describes

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }

  function choose(row, column) {
    if (chosen?.[0] === row && chosen?.[1] === column) return;
    if (chosen) {
      const old = cells[chosen[0]]?.[chosen[1]];
      old?.setAttribute("aria-selected", "false");
      if (old) old.tabIndex = -1;
    }
    chosen = cells[row]?.[column] ? [row, column] : null;
    if (!chosen) return card.replaceChildren();
    cells[row][column].setAttribute("aria-selected", "true");
    cells[row][column].tabIndex = 0;
    card.replaceChildren(...describe(model.get("rows")[row], column, model.get("pieces")));
  }

  function drawCell(cell, row, column) {
    const [word, percent] = cell.top[0];
    const kind = [cell.leads ? "ll-leads" : "", cell.first ? "ll-first" : ""].join(" ").trim();
    const attributes = { role: "gridcell", class: kind, tabindex: -1, "aria-selected": "false", style: `--p: ${cell.shade}` };
    const mark = cell.first ? [make("i", { title: "the last word leads here for the first time" }, "◆")] : [];
    const node = control("td", attributes, make("b", {}, word), make("small", {}, ...mark, percent));
    node.addEventListener("mousemove", (event) => { // not when the table scrolls below a mouse that rests
      if (event.movementX || event.movementY) choose(row, column);
    });
    node.addEventListener("focus", () => choose(row, column));
    return node;
  }

  function draw() {
    const hadFocus = table.contains(document.activeElement);
    const [rows, pieces] = [model.get("rows"), model.get("pieces")];
    const [row, column] = chosen ?? [rows.length, pieces.length];
    const follows = !chosen || column === cells[0].length - 1; // whoever looks at the end of a text stays there
    note.textContent = model.get("note");
    const corner = make("th", { scope: "col" }, "after");
    const head = make("tr", {}, corner, ...pieces.map((piece) => make("th", { scope: "col" }, piece)));
    cells = rows.map((row, k) => row.cells.map((cell, column) => drawCell(cell, k, column)));
    const body = rows.map((row, k) => make("tr", {}, make("th", { scope: "row" }, row.label), ...cells[k]));
    table.replaceChildren(head, ...body);
    chosen = null;
    choose(Math.min(row, rows.length - 1), follows ? pieces.length - 1 : Math.min(column, pieces.length - 1));
    if (follows) scroll();
    if (chosen && hadFocus) cells[chosen[0]][chosen[1]].focus();
  }

  table.addEventListener("keydown", (event) => {
    const row = cells.findIndex((nodes) => nodes.includes(event.target));
    if (row < 0 || !(event.key in MOVES || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const [down, right] = MOVES[event.key] ?? [0, 0];
    const last = cells[row].length - 1;
    const column = event.key === "Home" ? 0 : event.key === "End" ? last : cells[row].indexOf(event.target) + right;
    cells[row + down]?.[column]?.focus();
  });
  norm.addEventListener("change", () => send("with_norm", norm.checked));
  drawn.with_norm = () => { norm.checked = model.get("with_norm"); };
  const tick = make("label", { class: "ll-tick" }, norm, " with the last norm");
  const menus = [menu(model, "version", "Model", "versions"), menu(model, "place", "Read the stream", "places"), tick];
  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
  model.on("change:rows", draw);
  model.on("change:note", () => { note.textContent = model.get("note"); });
  const switches = make("div", { class: "ll-switches" }, labelled("Your text", box), ...menus);
  const parts = [note, switches, frame, make("div", { class: "ll-below" }, card, make("p", {}, ...legend()))];
  const scroll = painter(makeRoot(view, "ll-logit-lens", ...parts), () => { frame.scrollLeft = frame.scrollWidth; }, signal);
  draw();
}

function legend() {
  const first = make("b", { class: "ll-key ll-first" }, make("i", {}, "◆"), "word");
  const leads = make("b", { class: "ll-key ll-leads" }, "word");
  return [
    leads, " is what the model says in the end; ", first, " where it leads for the first time. The bluer, the likelier. ",
    "Point at a cell, or press Tab and the arrow keys.",
  ];
}

function describe(row, column, pieces) {
  const said = make("p", {}, "After ", chip(pieces.slice(0, column + 1).slice(-6).join(" ")), `, at ${row.label}:`);
  const words = row.cells[column].top.map(([word, percent, p]) => {
    const bar = make("span", { class: "ll-bar", style: `--p: ${p}`, "aria-hidden": "true" });
    return make("li", {}, chip(word), make("span", {}, percent), bar);
  });
  return [said, make("ol", { class: "ll-top", "aria-label": "the five likeliest words" }, ...words)];
}

export default { render };
