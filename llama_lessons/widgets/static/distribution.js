// Draws the trait `rows`: for each token a bar before and a bar after. All numbers, widths too, come from Python.

function render(view) {
  const { model } = view;
  const box = textBox(model, "prompt", "textarea", { rows: 2, maxlength: 1000 });
  const note = make("p", { class: "ll-note", role: "status" });
  const table = make("table", { class: "ll-odds" });
  const text = make("p", { class: "ll-grown" });
  const drawn = make("p", { class: "ll-drawn", "aria-live": "polite" });
  const limits = model.get("limits");
  const redraw = {};

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }

  function slider(trait, label, max, step, say) {
    const range = control("input", { type: "range", min: 0, max, step });
    const value = make("span", { class: "ll-value" });
    range.addEventListener("input", () => send(trait, Number(range.value)));
    redraw[trait] = () => {
      range.value = model.get(trait);
      value.textContent = say(model.get(trait));
      range.setAttribute("aria-valuetext", value.textContent);
    };
    return make("div", { class: "ll-slider" }, labelled(label, range), value);
  }

  function button(label, what) {
    return press(label, () => model.send({ do: what }));
  }

  const [one, many] = [button("Draw one", "write"), button(`Draw ${limits.many}`, "write many")];
  const [roll, anew] = [button(`Roll ${limits.rolls} times`, "roll"), button("Start over", "start over")];
  roll.title = "draws the next token again and again, and writes nothing";
  const sliders = make(
    "div",
    { class: "ll-sliders" },
    slider("temperature", "Temperature", 2, 0.05, (value) => (value ? value.toFixed(2) : "0: greedy")),
    slider("top_k", "Top-k", limits.top_k, 1, (value) => (value ? `${value} likeliest` : "off")),
    slider("top_p", "Top-p", 1, 0.01, (value) => (value < 1 ? value.toFixed(2) : "off")),
  );

  function draw() {
    const rows = model.get("rows");
    const rolled = rows.some((row) => row.rolled !== "");
    const numbers = ["model", "now", rolled ? "rolled" : ""].map((name) => make("th", { scope: "col", class: "ll-number" }, name));
    const head = make("tr", {}, make("th", { scope: "col" }, "Token"), make("td"), ...numbers, make("th", { scope: "col" }, ""));
    table.replaceChildren(make("caption", {}, ...legend(rolled)), head, ...rows.map(tableRow));
    note.textContent = model.get("note");
    drawn.textContent = model.get("drawn");
    const start = make("span", { class: "ll-faint" }, model.get("prompt"));
    text.replaceChildren(start, ...model.get("written").map(word), ...(model.get("ended") ? [make("b", {}, " ■")] : []));
    one.disabled = many.disabled = model.get("ended");
  }

  for (const [trait, show] of Object.entries(redraw)) {
    model.on(`change:${trait}`, show);
    show();
  }
  let waiting = false; // several traits come in one message: draw once
  for (const trait of ["rows", "written", "ended", "note", "drawn", "prompt"]) {
    model.on(`change:${trait}`, () => {
      if (waiting) return;
      waiting = true;
      queueMicrotask(() => { waiting = false; draw(); });
    });
  }
  const buttons = make("div", { class: "ll-buttons" }, one, many, anew, roll);
  const root = makeRoot(view, "ll-distribution", note, beside([labelled("Your text", box), sliders, buttons, drawn, text], [table]));
  root.addEventListener("reset", () => model.send({ do: "start over" })); // the dice as well
  draw();
}

function legend(rolled) {
  const parts = [make("i", { class: "ll-before" }), "the model's own ", make("i", { class: "ll-after" }), "what is drawn from "];
  const cut = [make("i", { class: "ll-before ll-gone" }), "cut off "];
  return [...parts, ...cut, ...(rolled ? [make("i", { class: "ll-dot" }), "share of the rolls"] : [])];
}

function tableRow({ piece, before, after, rolled, widths, cut, rest }) {
  const gone = cut !== "" && !rest;
  const bars = make(
    "div",
    { class: "ll-bars", "aria-hidden": "true" },
    make("i", { class: gone ? "ll-before ll-gone" : "ll-before", style: `width: ${widths[0]}%` }),
    make("i", { class: "ll-after", style: `width: ${widths[1]}%` }),
  );
  if (rolled) bars.append(make("i", { class: "ll-dot", style: `left: ${widths[2]}%` }));
  const name = rest ? make("span", {}, piece) : chip(piece);
  const numbers = [before, after, rolled].map((number) => make("td", { class: "ll-number" }, number));
  const kind = [gone ? "ll-cut" : "", rest ? "ll-rest" : ""].join(" ").trim();
  return make("tr", { class: kind }, make("th", { scope: "row" }, name), make("td", {}, bars), ...numbers, make("td", {}, cut));
}

function word({ text, title, rare }) {
  return make("span", { class: rare ? "ll-written ll-rare" : "ll-written", title }, text);
}

export default { render };
