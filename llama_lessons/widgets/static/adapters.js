// Draws two texts side by side, the spectrum of a change, and what training keeps in memory. All numbers come from Python.

function render(view) {
  const { model } = view;
  const drawn = {};
  const opening = sentBox({ maxlength: 200 }, (text) => { if (text !== model.get("opening")) send("opening", text); });
  const step = control("input", { type: "range", min: 0, step: 1 });
  const rank = make("span", { class: "ll-value", "aria-hidden": "true" });
  const stops = make("small", { class: "ll-faint" });
  const status = make("p", { class: "ll-note", role: "status" });
  const texts = make("div", { class: "ll-told" });
  const bars = make("div", { class: "ll-bars", "aria-hidden": "true" });
  const held = make("p", { class: "ll-held" });
  const costs = make("table", { class: "ll-gauges" });

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
    wait();
  }

  function wait() {
    texts.setAttribute("aria-busy", "true"); // until Python has told them
  }

  function draws() {
    const range = control("input", { type: "range", min: 0, max: model.get("max_draw"), step: 1 });
    const value = make("span", { class: "ll-value", "aria-hidden": "true" });
    range.addEventListener("change", () => send("draw", Number(range.value)));
    drawn.draw = () => {
      range.value = model.get("draw");
      value.textContent = model.get("draw");
    };
    return make("div", { class: "ll-slider" }, labelled("Draw of the dice", range), value);
  }

  function drawRank() {
    const ranks = model.get("ranks");
    step.max = ranks.length - 1;
    step.value = model.get("step");
    rank.textContent = ranks[model.get("step")];
    stops.textContent = `ranks: ${ranks.join(", ")}`;
    step.setAttribute("aria-valuetext", `rank ${rank.textContent}`);
  }

  function drawTexts() {
    texts.removeAttribute("aria-busy");
    texts.replaceChildren(...model.get("texts").map(oneText));
  }

  function drawBars() {
    bars.replaceChildren(...model.get("bars").map(({ height, kept }) =>
      make("i", { class: kept ? "ll-kept" : "", style: `height: ${height}%` })));
    held.textContent = model.get("held");
  }

  function drawCosts() {
    const head = ["", "What training keeps", "Together"].map((text) => make("th", { scope: "col" }, text));
    costs.replaceChildren(make("caption", {}, ...legend()), make("tr", {}, ...head), ...model.get("costs").map(cost));
  }

  drawn.opening = () => { opening.value = model.get("opening"); };
  step.addEventListener("input", () => send("step", Number(step.value)));
  drawn.note = () => { status.textContent = model.get("note"); };
  Object.assign(drawn, { ranks: drawRank, step: drawRank, texts: drawTexts, bars: drawBars, held: drawBars, costs: drawCosts });

  const slider = make("div", { class: "ll-slider" }, labelled("Rank", step), rank);
  const way = menu(model, "way", "Adapted model", "ways");
  way.addEventListener("input", wait);
  const told = make("div", { class: "ll-controls" }, labelled("The story begins (then press Enter)", opening), draws(), way, make("div", {}, slider, stops));
  const costly = make("div", { class: "ll-controls" }, menu(model, "llama", "Costs for", "llamas"), menu(model, "place", "with adapters on", "places"));
  const spectrum = make("div", { class: "ll-spectrum" }, make("b", {}, "What full fine-tuning changed, direction by direction"), bars, held);
  makeRoot(view, "ll-adapters", status, beside([told, costly], [texts, spectrum, costs]));
  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
}

function oneText({ name, parts, count }) {
  const words = parts.map(([kind, text]) => (kind ? make(kind === "hum" ? "mark" : "b", {}, text) : text));
  return make("section", {}, make("h4", {}, name), make("p", { class: "ll-words" }, ...words), make("p", { class: "ll-faint" }, count));
}

const KINDS = { weights: "ll-weights", gradients: "ll-gradients", "AdamW's means": "ll-means" };

function legend() {
  return Object.entries(KINDS).flatMap(([name, kind]) => [make("i", { class: kind }), name]);
}

function cost({ name, parts, text, total }) {
  const bar = make("div", { class: "ll-gauge", "aria-hidden": "true" });
  bar.append(...parts.map(([part, width]) => make("i", { class: KINDS[part], style: `width: ${width}%` })));
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, name),
    make("td", {}, bar, make("small", {}, text)),
    make("td", {}, total),
  );
}

export default { render };
