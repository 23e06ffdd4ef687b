// Draws six measures against iterations, one small panel each, and what the policy answers. All numbers come from Python.

const N_STYLES = 6; // colours and dashes in ppo.css

function render(view) {
  const { model } = view;
  const note = make("p", { class: "ll-note", role: "status" });
  const legend = make("ul", { class: "ll-legend" });
  const panels = make("div", { class: "ll-panels" });
  const range = control("input", { type: "range", min: 1, max: 1, value: 1 });
  const says = make("output", { class: "ll-says" });
  const newest = control("button", { type: "button" }, "Newest");
  const whose = control("select", {});
  const said = make("table", { class: "ll-said" });
  let followed = true; // the newest iteration of the newest run, until the reader chooses

  function run() {
    const runs = model.get("runs");
    return runs.find(({ name }) => name === whose.value) ?? runs.at(-1);
  }

  function listRuns() {
    const names = model.get("runs").map(({ name }) => name);
    const chosen = followed ? names.at(-1) : whose.value;
    whose.replaceChildren(...names.map((name) => make("option", {}, name)));
    if (names.includes(chosen)) whose.value = chosen;
  }

  function draw() {
    listRuns();
    const runs = model.get("runs");
    const done = run()?.said.length ?? 0;
    range.max = Math.max(done, 1);
    if (followed) range.value = range.max;
    const k = Number(range.value);
    range.setAttribute("aria-valuetext", `iteration ${k}`);
    note.textContent = model.get("note");
    says.textContent = done ? `iteration ${k} of ${done}` : "";
    panels.replaceChildren(...model.get("panels").map((panel) => drawPanel(panel, runs, k, model.get("n_iterations"))));
    legend.replaceChildren(...runs.map(legendOf));
    said.replaceChildren(...(run()?.said[k - 1] ?? []).map(drawAnswer));
  }

  range.addEventListener("input", () => { followed = false; draw(); });
  whose.addEventListener("input", () => { followed = false; range.value = range.max; draw(); });
  newest.addEventListener("click", () => { followed = true; draw(); });
  for (const trait of ["runs", "panels", "note", "n_iterations"]) model.on(`change:${trait}`, draw);
  const look = make("div", { class: "ll-look" }, labelled("Look at an iteration", range), says, labelled("of", whose), newest);
  const root = makeRoot(view, "ll-ppo", note, legend, panels, look, said);
  root.addEventListener("reset", () => { followed = true; draw(); });
  draw();
}

function drawPanel({ key, name, low, high }, runs, k, n) {
  const x = (iteration) => (100 * (iteration - 1)) / Math.max(n - 1, 1);
  const y = (value) => 100 * (1 - (value - low) / (high - low));
  const picture = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(svg("line", { class: "ll-cursor", x1: x(k), x2: x(k), y1: 0, y2: 100 }));
  if (low < 0) picture.append(svg("line", { class: "ll-rule", x1: 0, x2: 100, y1: y(0), y2: y(0) }));
  picture.append(...runs.map(({ values }, number) => curve(values[key], number, x, y)));
  const ends = make("div", { class: "ll-ends" }, make("span", {}, short(high)), make("span", {}, short(low)));
  const now = runs.map(({ values }) => (values[key].length >= k ? short(values[key][k - 1]) : "–")).join(" | ");
  return make("section", {}, make("h4", {}, make("span", {}, name), make("b", {}, now)), make("div", { class: "ll-plot" }, ends, picture));
}

// A pen that lifts where nothing was measured.
function curve(values, number, x, y) {
  let path = "";
  let drawing = false;
  values.forEach((value, k) => {
    if (value !== null) path += `${drawing ? "L" : "M"}${x(k + 1).toFixed(2)} ${y(value).toFixed(2)}`;
    drawing = value !== null;
  });
  return svg("path", { class: `ll-curve ll-style${number % N_STYLES}`, d: path });
}

function short(value) {
  return value === null ? "–" : value.toFixed(Math.abs(value) < 10 ? 2 : 0);
}

function legendOf({ name }, number) {
  const line = svg("path", { class: `ll-curve ll-style${number % N_STYLES}`, d: "M0 6L34 6" });
  return make("li", {}, svg("svg", { viewBox: "0 0 34 12", "aria-hidden": "true" }, line), ` ${name}`);
}

function drawAnswer({ request, answer, right }) {
  const verdict = make("td", { class: right ? "ll-right" : "ll-wrong" }, right ? "✓ as it should be" : "✗ not so");
  return make("tr", {}, make("th", { scope: "row" }, request), make("td", {}, answer || "(nothing)"), verdict);
}

export default { render };
