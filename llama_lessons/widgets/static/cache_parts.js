// Controls of the cache view that are tied to traits, and the pieces below the cells.

function tied(model) {
  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }

  // what takes Python a while is sent when the slider is let go (on: "change"), the rest as it moves
  function slider(trait, label, { min = 1, step = 1, max, says = String, also = [], on = "input" }) {
    const range = control("input", { type: "range", min, step });
    const value = make("output");
    const show = () => {
      range.max = max();
      range.value = model.get(trait);
      value.textContent = says(model.get(trait));
    };
    range.addEventListener("input", () => { value.textContent = says(Number(range.value)); });
    range.addEventListener(on, () => send(trait, Number(range.value)));
    for (const name of [trait, ...also]) model.on(`change:${name}`, show);
    show();
    return make("div", { class: "ll-slider" }, labelled(label, range), value);
  }

  function field(trait, label, attributes) {
    const box = sentBox(attributes, (text) => send(trait, text));
    const show = () => { box.value = model.get(trait); };
    model.on(`change:${trait}`, show);
    show();
    return labelled(label, box);
  }

  return { slider, field };
}

function bar(parts, label) {
  const box = make("div", { class: "ll-gauge", "aria-hidden": "true" });
  box.append(...parts.map(([kind, width]) => make("i", { class: kind, style: `width: ${width}%` })));
  return make("div", { class: "ll-meter" }, make("span", {}, label), box);
}

// A column for every step: what it computes, and on top what it would compute again without a cache.
function drawWork(strip, frames, step, go) {
  strip.replaceChildren(
    ...frames.map(({ heights: [fresh, again], kind }, k) => {
      const parts = [["ll-again", again], [`ll-${kind}`, fresh]].filter(([, height]) => height);
      const column = make("div", { class: k === step ? "ll-now" : k > step ? "ll-later" : "" });
      column.append(...parts.map(([name, height]) => make("i", { class: name, style: `height: ${height}%` })));
      column.addEventListener("click", () => go(k));
      return column;
    }),
  );
}

function legend(...keys) {
  return make("p", { class: "ll-legend" }, ...keys.map(([kind, text]) => make("span", {}, ...(kind ? [make("i", { class: kind })] : []), text)));
}

function cardRow({ name, verdict, text, weights, cache }) {
  const mark = { fits: "✓", tight: "!", "does not fit": "✗" }[verdict];
  const meter = bar([["ll-weights", weights], ["ll-cache", cache]], "");
  return make(
    "tr",
    { class: `ll-${verdict.replaceAll(" ", "-")}` },
    make("th", { scope: "row" }, name),
    make("td", {}, meter, make("small", {}, text)),
    make("td", {}, make("b", { "aria-hidden": "true" }, mark), ` ${verdict}`),
  );
}

// Two buttons that show either the cache or what it would take at full size: one screen holds one of them.
function twoParts(first, second) {
  const tabs = ["The cache of this model", "What would it take at full size?"].map((name, k) => press(name, () => show(k)));
  function show(chosen) {
    tabs.forEach((tab, k) => tab.setAttribute("aria-pressed", String(k === chosen)));
    [first.hidden, second.hidden] = [chosen === 1, chosen === 0];
  }
  show(0);
  return [make("div", { class: "ll-tabs" }, ...tabs), first, second];
}

// Model, heads, context and batch at full size, and how full each card gets.
function whatIf(model, slider) {
  const estimate = make("p", { class: "ll-estimate", role: "status" });
  const cards = make("table", { class: "ll-gauges" });
  const choices = () => model.get("kv_choices");
  const controls = make(
    "div",
    { class: "ll-controls" },
    menu(model, "model_name", "Model", "models"),
    menu(model, "dtype", "Numbers", "dtypes"),
    slider("kv_choice", "Key-value heads", { min: 0, max: () => choices().length - 1, says: (k) => choices()[k] ?? "", also: ["kv_choices"] }),
    slider("n_tokens", "Tokens in each sequence", { min: 64, step: 64, max: () => model.get("max_tokens") }),
    slider("batch_size", "Sequences at a time", { max: () => model.get("max_batch") }),
  );
  const draw = () => {
    estimate.textContent = model.get("estimate");
    const caption = make("caption", {}, ...legend(["ll-weights", "weights"], ["ll-cache", "cache"]).childNodes);
    cards.replaceChildren(caption, ...model.get("gauges").map(cardRow));
  };
  model.on("change:gauges", draw);
  model.on("change:estimate", draw);
  draw();
  return make("div", { class: "ll-what-if" }, controls, estimate, cards);
}
