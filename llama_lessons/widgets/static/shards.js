// Draws the trait `columns`: for each rank what it holds and what it sends. All numbers come from Python.

function render(view) {
  const { model } = view;
  const title = make("b", { role: "status" });
  const note = make("p", { class: "ll-note" });
  const table = make("div", { class: "ll-ranks" });
  const range = control("input", { type: "range", min: 0, step: 1 });
  const back = control("button", { type: "button" }, "◀ Back");
  const next = control("button", { type: "button" }, "Next ▶");
  const reset = control("button", { type: "button" }, "As at the start");

  function send(changes) {
    model.set(changes);
    model.save_changes();
  }

  function go(step) {
    send({ step: Math.max(0, Math.min(model.get("last"), step)) });
  }

  function draw() {
    range.max = model.get("last");
    range.value = model.get("step");
    range.setAttribute("aria-valuetext", model.get("title"));
    back.disabled = model.get("step") === 0;
    next.disabled = model.get("step") === model.get("last");
    title.textContent = model.get("title");
    note.textContent = model.get("note");
    const units = model.get("units");
    table.replaceChildren(...model.get("columns").map((one) => column(one, units)));
  }

  range.addEventListener("input", () => go(Number(range.value)));
  back.addEventListener("click", () => go(model.get("step") - 1));
  next.addEventListener("click", () => go(model.get("step") + 1));
  reset.addEventListener("click", () => send(model.get("start")));
  for (const trait of ["columns", "step", "last", "title", "note"]) model.on(`change:${trait}`, draw);
  const controls = make(
    "div",
    { class: "ll-controls" },
    menu(model, "strategy", "Strategy", "strategies"),
    make("div", { class: "ll-slider" }, labelled("Collective", range), back, next, reset),
  );
  makeRoot(view, "ll-shards", controls, make("p", {}, title), note, table, legend(model.get("units")));
  draw();
}

function legend(units) {
  const parts = units.flatMap((unit, k) => [make("i", { class: `ll-unit ll-unit-${k % 6}` }, letter(unit)), unit]);
  return make("p", { class: "ll-legend" }, ...parts);
}

// The last word says most: "layer 0" is 0, "head" is h.
function letter(unit) {
  return unit.split(" ").at(-1)[0];
}

function column({ name, held, rows, sends }, units) {
  return make(
    "section",
    { "aria-label": name },
    make("p", {}, make("b", {}, name), ` holds ${held}`),
    ...rows.map((row) => kind(row, units)),
    make("p", { class: "ll-sends" }, sends || "sends nothing"),
  );
}

function kind({ label, size, thick, blocks }, units) {
  const bar = make("div", { class: "ll-bar", style: `height: ${1.5 * thick}em` });
  for (const block of blocks) {
    const shown = block.width >= 8 ? letter(block.unit) : "";
    const look = { class: `ll-unit ll-unit-${units.indexOf(block.unit) % 6}`, style: `width: ${block.width}%` };
    bar.append(make("i", { ...look, title: `${block.unit}: ${block.size}` }, shown));
  }
  return make("div", { class: "ll-kind" }, make("div", { class: "ll-faint" }, `${label}: ${size}`), bar);
}

export default { render };
