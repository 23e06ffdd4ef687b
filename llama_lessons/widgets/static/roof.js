// Draws the trait `rows`: for each kind of number how full the memory is, and the roof of the speed. All numbers come from Python.

const MARKS = { fits: "✓", tight: "!", "does not fit": "✗" };

function render(view) {
  const { model } = view;
  const note = make("p", { class: "ll-note", role: "status" });
  const table = make("table", { class: "ll-gauges" });
  const drawn = {};
  const controls = make(
    "div",
    { class: "ll-controls" },
    menu(model, "model", "Model", "models"),
    menu(model, "machine", "Machine", "machines"),
    slider("n_tokens", "Tokens in each text", "max_tokens", 64),
    slider("batch_size", "Texts at a time", "max_batch", 1),
  );

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }

  function slider(trait, label, max, step) {
    const range = control("input", { type: "range", min: step, max: model.get(max), step });
    const value = make("span", { class: "ll-value", "aria-hidden": "true" }); // a slider says its value by itself
    range.addEventListener("input", () => send(trait, Number(range.value)));
    drawn[trait] = () => {
      range.value = model.get(trait);
      value.textContent = model.get(trait);
    };
    return make("div", { class: "ll-slider" }, labelled(label, range), value);
  }

  function draw() {
    note.textContent = model.get("note");
    const head = ["Matrices in", "How full the memory is", "", "Tokens per second at best"];
    const top = make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)));
    table.replaceChildren(make("caption", {}, ...legend()), top, ...model.get("rows").map(row));
  }

  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
  model.on("change:rows", draw);
  model.on("change:note", draw);
  makeRoot(view, "ll-roof", note, controls, table);
  draw();
}

function legend() {
  const parts = { "ll-weights": "weights", "ll-cache": "cache", "ll-rate": "speed" };
  return Object.entries(parts).flatMap(([kind, name]) => [make("i", { class: kind }), name]);
}

function row({ name, verdict, text, held, weights, cache, width, speed }) {
  const bar = make("div", { class: "ll-gauge", "aria-hidden": "true" });
  if (weights) bar.append(make("i", { class: "ll-weights", style: `width: ${weights}%` }));
  if (cache) bar.append(make("i", { class: "ll-cache", style: `width: ${cache}%` }));
  const roof = make("div", { class: "ll-gauge", "aria-hidden": "true" }, make("i", { class: "ll-rate", style: `width: ${width}%` }));
  return make(
    "tr",
    { class: `ll-${verdict.replaceAll(" ", "-")}` },
    make("th", { scope: "row" }, name),
    make("td", {}, bar, make("small", {}, `${held}: ${text}`)),
    make("td", {}, make("b", { "aria-hidden": "true" }, MARKS[verdict]), ` ${verdict}`),
    make("td", {}, roof, make("small", {}, speed)),
  );
}

export default { render };
