// Draws the trait `runs` as curves of loss against tokens, and `samples` as a list. All numbers come from Python.

const SHAPE = { width: 760, height: 300, left: 44, right: 14, top: 10, bottom: 38 }; // of the picture, in its own units
const N_STYLES = 6; // colours and dashes in training.css

function render(view) {
  const { model } = view;
  const note = make("p", { class: "ll-note" });
  const picture = svg("svg", { viewBox: `0 0 ${SHAPE.width} ${SHAPE.height}`, role: "img", "aria-label": "loss against tokens" });
  const legend = make("ul", { class: "ll-legend" });
  const range = control("input", { type: "range", min: 0, max: 0, value: 0 });
  const says = make("output", { class: "ll-says" });
  const texts = make("ol", { class: "ll-texts", role: "log", "aria-label": "what the model writes" });
  const look = make("div", { class: "ll-look" }, labelled("Look at a step", range), says);
  let followed = true; // the newest step, until the reader chooses one

  function longest() {
    return model.get("runs").reduce((most, run) => (run.tokens.length > most.length ? run.tokens : most), []);
  }

  function at(k) {
    range.value = k;
    followed = Number(range.value) === Number(range.max);
    draw();
  }

  function draw() {
    const runs = model.get("runs");
    const steps = longest();
    range.max = Math.max(steps.length - 1, 0);
    if (followed) range.value = range.max;
    const k = Number(range.value);
    const place = placed(model);
    note.textContent = model.get("note");
    picture.replaceChildren(
      ...grid(model, place),
      ...model.get("levels").map((level) => levelLine(level, place)),
      ...model.get("samples").map((sample, number) => mark(sample, number, place)),
      ...runs.map((run, number) => curve(run, number, place)),
      ...model.get("levels").map((level) => levelName(level, place)),
      ...(steps.length ? [cursor(steps[k], place)] : []),
    );
    legend.replaceChildren(...(runs.length > 1 ? runs.map(legendOf) : []));
    look.hidden = !steps.length;
    says.textContent = steps.length ? reading(runs, steps[k], k) : "";
    texts.replaceChildren(...model.get("samples").map((sample) => drawText(sample, runs.length > 1)));
  }

  function point(event) {
    const steps = longest();
    if (!steps.length) return;
    const box = picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * SHAPE.width;
    const place = placed(model);
    const far = steps.map((tokens) => Math.abs(place.x(tokens) - x));
    at(far.indexOf(Math.min(...far)));
  }

  range.addEventListener("input", () => at(Number(range.value)));
  picture.addEventListener("pointermove", point);
  for (const trait of ["runs", "samples", "note", "levels", "n_tokens"]) model.on(`change:${trait}`, draw);
  makeRoot(view, "ll-training", note, picture, legend, look, texts);
  draw();
}

// Where in the picture a number of tokens and a loss lie.
function placed(model) {
  const [most, top] = [model.get("n_tokens"), model.get("top")];
  const [wide, high] = [SHAPE.width - SHAPE.left - SHAPE.right, SHAPE.height - SHAPE.top - SHAPE.bottom];
  return {
    x: (tokens) => SHAPE.left + (wide * Math.min(tokens, most)) / most,
    y: (loss) => SHAPE.top + high * (1 - Math.min(loss, top) / top),
  };
}

function grid(model, { x, y }) {
  const parts = [];
  for (let loss = 0; loss <= model.get("top"); loss += 2) {
    parts.push(svg("line", { class: "ll-rule", x1: x(0), x2: x(Infinity), y1: y(loss), y2: y(loss) }));
    parts.push(svg("text", { x: x(0) - 8, y: y(loss) + 4, "text-anchor": "end" }, String(loss)));
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const tokens = Math.round(share * model.get("n_tokens"));
    const anchor = share === 1 ? "end" : "middle";
    parts.push(svg("text", { x: x(tokens), y: y(0) + 16, "text-anchor": anchor }, tokens.toLocaleString("en")));
  }
  parts.push(svg("text", { x: x(0), y: y(0) + 34 }, "tokens read; upwards: loss in nats per token"));
  return parts;
}

function levelLine({ loss }, { x, y }) {
  return svg("line", { class: "ll-level", x1: x(0), x2: x(Infinity), y1: y(loss), y2: y(loss) });
}

// Over the curves, which cross it where a run has reached the level.
function levelName({ name, loss }, { x, y }) {
  const place = { x: x(Infinity) - 4, y: y(loss) - 5, "text-anchor": "end" };
  return svg("text", { class: "ll-level-name", ...place }, `${name} ${loss.toFixed(2)}`);
}

function mark({ tokens }, number, { x, y }) {
  const line = svg("line", { class: "ll-mark", x1: x(tokens), x2: x(tokens), y1: y(0), y2: y(Infinity) });
  return svg("g", {}, line, svg("text", { x: x(tokens) + 4, y: y(0) - 6 }, String(number + 1)));
}

// A pen that lifts where the loss is no number.
function curve(run, number, { x, y }) {
  let drawing = false;
  let path = "";
  run.losses.forEach((loss, k) => {
    if (loss !== null) path += `${drawing ? "L" : "M"}${x(run.tokens[k]).toFixed(1)} ${y(loss).toFixed(1)}`;
    drawing = loss !== null;
  });
  return svg("path", { class: `ll-curve ll-style${number % N_STYLES}`, d: path });
}

function cursor(tokens, { x, y }) {
  return svg("line", { class: "ll-cursor", x1: x(tokens), x2: x(tokens), y1: y(0), y2: y(Infinity) });
}

function legendOf(run, number) {
  const line = svg("path", { class: `ll-curve ll-style${number % N_STYLES}`, d: "M0 6L34 6" });
  return make("li", {}, svg("svg", { viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" }, line), ` ${run.name}`);
}

function reading(runs, tokens, k) {
  const say = ({ name, losses }) => {
    const loss = k < losses.length ? losses[k]?.toFixed(2) ?? "not a number" : "not there yet";
    return runs.length > 1 ? `${name} ${loss}` : `loss ${loss}`;
  };
  return `Step ${k + 1}, ${tokens.toLocaleString("en")} tokens: ${runs.map(say).join("; ")}`;
}

function drawText({ run, tokens, text }, named) {
  const head = `after ${tokens.toLocaleString("en")} tokens${named ? `, ${run}` : ""}`;
  return make("li", {}, make("span", { class: "ll-faint" }, head), make("span", { class: "ll-text" }, text));
}

export default { render };
