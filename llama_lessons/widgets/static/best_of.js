// Draws the answers to one request, the one that a judge takes, and two curves over K. All numbers come from Python.

const NAMES = ["this judge", "a judge that knows", "one at random"];

function render(view) {
  const { model } = view;
  const range = control("input", { type: "range", min: 0, step: 1 });
  const value = make("span", { class: "ll-value", "aria-hidden": "true" });
  const list = make("ol", { class: "ll-answers" });
  const panels = make("div", { class: "ll-panels" });
  const note = make("p", { class: "ll-note", role: "status" });

  function drawStep() {
    const ks = model.get("ks");
    const k = ks[model.get("step")];
    range.max = ks.length - 1;
    range.value = model.get("step");
    range.setAttribute("aria-valuetext", `best of ${k}`);
    value.textContent = k;
  }

  function drawPanels() {
    const [places, step] = [model.get("places"), model.get("step")];
    panels.replaceChildren(...model.get("panels").map((panel) => drawPanel(panel, places, step)), keys(model.get("ks"), places));
  }

  range.addEventListener("input", () => {
    model.set("step", Number(range.value));
    model.save_changes();
  });
  const drawn = {
    step: drawStep,
    ks: drawStep,
    answers: () => list.replaceChildren(...model.get("answers").map(drawAnswer)),
    panels: drawPanels,
    note: () => { note.textContent = model.get("note"); },
  };
  const slider = make("div", { class: "ll-slider" }, labelled("Best of K", range), value);
  const top = make("div", { class: "ll-controls" }, menu(model, "judge", "Judge", "judges"), slider, menu(model, "question", "Request", "questions"));
  const left = make("div", { class: "ll-left" }, list);
  const right = make("div", { class: "ll-sides" }, left, panels);
  makeRoot(view, "ll-bestof", note, top, right);
  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
}

function drawAnswer({ text, score, right, counts, best }) {
  const mark = make("span", { class: right ? "ll-right" : "ll-wrong" }, right ? "✓" : "✗", make("span", { class: "ll-unseen" }, right ? " true" : " not true"));
  const words = make("span", { class: "ll-words" }, text || "(nothing)");
  const taken = best ? make("b", {}, "taken") : "";
  return make("li", { class: `${counts ? "" : "ll-left-out"} ${best ? "ll-best" : ""}` }, mark, words, taken, make("span", { class: "ll-score" }, score));
}

function drawPanel({ name, low, high, curves }, places, step) {
  const y = (worth) => 100 * (1 - (worth - low) / (high - low));
  const picture = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(svg("line", { class: "ll-cursor", x1: 100 * places[step], x2: 100 * places[step], y1: 0, y2: 100 }));
  picture.append(...curves.map((points, number) => {
    const path = points.map((worth, k) => `${k ? "L" : "M"}${(100 * places[k]).toFixed(2)} ${y(worth).toFixed(2)}`).join("");
    return svg("path", { class: `ll-curve ll-style${number}`, d: path });
  }));
  const ends = make("div", { class: "ll-ends" }, make("span", {}, high.toFixed(2)), make("span", {}, low.toFixed(2)));
  const now = make("b", {}, curves.map((points) => points[step].toFixed(2)).join(" | "));
  const legend = curves.length > 1 ? [make("ul", { class: "ll-legend" }, ...curves.map((_, number) => legendOf(number)))] : [];
  return make("section", {}, make("h4", {}, make("span", {}, name), now), make("div", { class: "ll-plot" }, ends, picture), ...legend);
}

// The ks below the curves, each at the root of its KL.
function keys(ks, places) {
  const marks = ks.map((k, n) => make("span", { style: `left: ${100 * places[n]}%` }, String(k)));
  return make("div", { class: "ll-keys" }, make("div", {}, ...marks), make("p", { class: "ll-faint" }, "K, each at the root of its KL"));
}

function legendOf(number) {
  const line = svg("path", { class: `ll-curve ll-style${number}`, d: "M0 6L34 6" });
  return make("li", {}, svg("svg", { viewBox: "0 0 34 12", "aria-hidden": "true" }, line), ` ${NAMES[number]}`);
}

export default { render };
