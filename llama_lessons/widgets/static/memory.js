// Draws the trait `gauges`: one bar per machine, filled with weights, then cache. All numbers come from Python.

const MARKS = { fits: "✓", tight: "!", "does not fit": "✗" };

function render(view) {
  const { model } = view;
  const note = make("p", { class: "ll-note", role: "status" });
  const gauges = make("table", { class: "ll-gauges" });
  const drawn = {};
  const controls = make(
    "div",
    { class: "ll-controls" },
    menu(model, "model", "Model", "models"),
    menu(model, "dtype", "Numbers of the weights", "dtypes"),
    slider("n_tokens", "Tokens in each sequence", "max_tokens", 64),
    slider("batch_size", "Sequences at a time", "max_batch", 1),
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
    const head = make("tr", {}, ...["Machine", "How full", ""].map((text) => make("th", { scope: "col" }, text)));
    gauges.replaceChildren(make("caption", {}, ...legend()), head, ...model.get("gauges").map(row));
  }

  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
  model.on("change:gauges", draw);
  model.on("change:note", draw);
  makeRoot(view, "ll-memory", note, controls, gauges);
  draw();
}

function legend() {
  return [make("i", { class: "ll-weights" }), "weights ", make("i", { class: "ll-cache" }), "cache"];
}

function row({ name, capacity, verdict, text, weights, cache }) {
  const bar = make("div", { class: "ll-gauge", "aria-hidden": "true" });
  if (weights) bar.append(make("i", { class: "ll-weights", style: `width: ${weights}%` }));
  if (cache) bar.append(make("i", { class: "ll-cache", style: `width: ${cache}%` }));
  const kind = verdict.replaceAll(" ", "-");
  return make(
    "tr",
    { class: `ll-${kind}` },
    make("th", { scope: "row" }, name, make("small", {}, capacity)),
    make("td", {}, bar, make("small", {}, text)),
    make("td", {}, make("b", { "aria-hidden": "true" }, MARKS[verdict]), ` ${verdict}`),
  );
}

export default { render };
