// Sliders and menus choose two tokens and a way to turn; Python computes what it means, and this shows it.

const MAP = 22; // em along the map
const TRAITS = ["run", "scene", "weights", "note", "way", "layer", "head", "query", "key", "shift"];

function render(view) {
  const { model, signal } = view;
  const sizes = model.get("shape");
  const clocks = makeClocks(sizes.pairs);
  const curve = makeCurve();
  const weights = make("canvas", { role: "img" });
  const choice = make("canvas", { "aria-hidden": "true" }); // lies on the other one
  const sentence = make("p", { class: "ll-sentence", role: "status" });
  const written = make("p", { class: "ll-written-text" });
  const usual = make("p", { class: "ll-written-text" });
  const verdict = make("p");
  const note = make("p", { class: "ll-note", role: "alert" });
  const named = make("span", {});
  const root = makeRoot(view, "ll-rope");
  let place = null; // of the map on its canvas
  const schedule = painter(root, draw, signal);

  function put(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  }

  const piece = (k) => model.get("run").pieces[k] ?? "";
  const last = () => model.get("run").pieces.length - 1;
  const query = () => Math.min(model.get("query"), last());
  const key = () => Math.min(model.get("key"), query());

  const sliders = [
    slider("Token that looks: ", () => piece(query()), last, query, (k) => put({ query: k, key: Math.min(key(), k) })),
    slider("Token that it looks at: ", () => piece(key()), query, key, (k) => put({ key: k })),
    slider("Tokens before the text: ", () => model.get("shift"), () => sizes.shift, () => model.get("shift"), (n) => put({ shift: n })),
    slider("Layer ", () => model.get("layer"), () => sizes.layers - 1, () => model.get("layer"), (n) => put({ layer: n })),
    slider("Head ", () => model.get("head"), () => sizes.heads - 1, () => model.get("head"), (n) => put({ head: n })),
  ];

  choice.addEventListener("click", (event) => {
    const { margin, cell } = place;
    const [right, down] = [event.offsetX, event.offsetY].map((at) => Math.floor((at - margin) / cell));
    if (right >= 0 && right <= down && down <= last()) put({ query: down, key: right });
  });

  function draw() {
    const run = model.get("run");
    sliders.forEach((one) => one.draw());
    clocks.draw(model.get("scene").hands);
    curve.draw(model.get("scene"));
    sentence.textContent = model.get("scene").sentence;
    note.textContent = model.get("note");
    usual.replaceChildren(make("b", {}, "As trained: "), run.usual);
    written.replaceChildren(make("b", {}, "Now: "), run.same, make("mark", {}, run.rest));
    verdict.textContent = `Now: ${run.verdict}.`;
    drawWeights(run);
  }

  function drawWeights(run) {
    const bytes = bytesOf(model.get("weights"));
    const n = run.pieces.length;
    if (bytes.length !== n * n) return; // the map of another text: its own is on the way
    const colours = mapColours(root);
    const size = Math.floor(Math.min(MAP * colours.em, board.clientWidth));
    place = mapPlace(n, size, colours.em);
    named.textContent = place.every > 1 ? ` One token in ${place.every} is named.` : "";
    drawMap(weights, run, bytes, n, size, colours);
    drawChoice(choice, run, { shown: n, token: query(), column: false, cell: [query(), key()] }, size, colours);
    const weight = percent(weightAt(bytes, n, query(), key()));
    weights.setAttribute("aria-label", `Attention map of this head; here ${piece(query())} gives ${piece(key())} ${weight}.`);
  }

  for (const trait of TRAITS) model.on(`change:${trait}`, schedule);
  const text = labelled("Your text", textBox(model, "prompt", "input", { type: "text", maxlength: 300 }));
  const hands = legend(sample("ll-query-hand", "query"), sample("ll-key-hand", "key"), bar("ll-plus", "adds to the score"), bar("ll-minus", "takes away"));
  const curves = legend(sample("ll-now", "now"), sample("ll-usual", "turned as trained"));
  const rows = legend(make("span", { class: "ll-key" }, "your text, read at once"), make("span", { class: "ll-key ll-key-1" }, "new tokens, read one by one"));
  const hint = make("p", { class: "ll-faint" }, "Rows look, columns are looked at. Click a cell to choose its two tokens, or use the sliders.", named);
  const map = make("div", { class: "ll-rope-map" }, weights, choice);
  const board = make("div", { class: "ll-rope-board" }, map, make("div", { class: "ll-texts" }, curve.box, curves, verdict, usual, written));
  const side = [text, menu(model, "way", "Turning", "ways"), ...sliders.map((one) => one.label), rows, hint];
  root.append(sentence, note, beside(side, [clocks.box, hands, board]));
  schedule();
}

// A slider whose label says what is chosen.
function slider(name, value, most, place, choose) {
  const input = control("input", { type: "range", min: 0 });
  const said = make("b");
  const label = make("label", { class: "ll-label" }, make("span", {}, name, said), input);
  input.addEventListener("input", () => choose(Number(input.value)));
  return {
    label,
    draw() {
      input.max = most();
      input.value = place();
      input.setAttribute("aria-valuetext", String(value()));
      said.textContent = String(value());
    },
  };
}

function legend(...entries) {
  return make("p", { class: "ll-legend" }, ...entries);
}

function entry(drawing, name) {
  return make("span", {}, svg("svg", { width: 28, height: 12, "aria-hidden": "true" }, drawing), name);
}

function sample(kind, name) {
  return entry(svg("line", { class: kind, x1: 1, x2: 25, y1: 6, y2: 6 }), name);
}

function bar(kind, name) {
  return entry(svg("rect", { class: kind, x: 5, y: 3, width: 18, height: 6 }), name);
}

export default { render };
