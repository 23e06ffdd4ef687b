// Draws the trait `runs` as curves of loss against tokens, and `samples` as a list. All numbers come from Python.

const SHAPE = { height: 25, left: 2.2, top: 0.8, bottom: 2.8 }; // of the picture, in em
const LETTER = 0.56; // em that a letter of a level's name takes, a little more than most do
const N_STYLES = 6; // colours and dashes in training.css

function render(view) {
  const { model, signal } = view;
  const note = make("p", { class: "ll-note" });
  const picture = svg("svg", { role: "img", "aria-label": "loss against tokens" });
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
    const place = placed(model, picture);
    note.textContent = model.get("note");
    picture.replaceChildren(
      ...grid(model, place),
      ...model.get("levels").map((level) => levelLine(level, place)),
      ...model.get("samples").map((sample, number, all) => mark(sample, number, all, place)),
      ...runs.map((run, number) => curve(run, number, place)),
      ...levelNames(model.get("levels"), place),
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
    const x = event.clientX - box.left;
    const place = placed(model, picture);
    const far = steps.map((tokens) => Math.abs(place.x(tokens) - x));
    at(far.indexOf(Math.min(...far)));
  }

  range.addEventListener("input", () => at(Number(range.value)));
  picture.addEventListener("pointermove", point);
  const written = make("div", { class: "ll-scrolls" }, make("b", {}, "What the model writes"), texts);
  const root = makeRoot(view, "ll-training", note, make("div", { class: "ll-course" }, make("div", {}, picture, legend, look), written));
  const schedule = painter(root, draw, signal);
  for (const trait of ["runs", "samples", "note", "levels", "n_tokens"]) model.on(`change:${trait}`, schedule);
  root.addEventListener("reset", () => { followed = true; schedule(); });
  schedule();
}

// Where in the picture a number of tokens and a loss lie, in pixels. To the right of all curves the names of levels have room.
function placed(model, picture) {
  const em = parseFloat(getComputedStyle(picture).fontSize);
  const [most, top] = [model.get("n_tokens"), model.get("top")];
  const names = Math.max(1, ...model.get("levels").map(({ name }) => LETTER * (name.length + 6)));
  const [left, right] = [SHAPE.left * em, picture.clientWidth - names * em];
  const high = (SHAPE.height - SHAPE.top - SHAPE.bottom) * em;
  return {
    em,
    x: (tokens) => left + ((right - left) * Math.min(tokens, most)) / most,
    y: (loss) => SHAPE.top * em + high * (1 - Math.min(loss, top) / top),
  };
}

function grid(model, { em, x, y }) {
  const parts = [];
  for (let loss = 0; loss <= model.get("top"); loss += 2) {
    parts.push(svg("line", { class: "ll-rule", x1: x(0), x2: x(Infinity), y1: y(loss), y2: y(loss) }));
    parts.push(svg("text", { x: x(0) - 0.5 * em, y: y(loss) + 0.35 * em, "text-anchor": "end" }, String(loss)));
  }
  const shares = x(Infinity) - x(0) > 32 * em ? [0, 0.25, 0.5, 0.75, 1] : [0, 0.5, 1];
  for (const share of shares) {
    const tokens = Math.round(share * model.get("n_tokens"));
    const anchor = share === 1 ? "end" : "middle";
    parts.push(svg("text", { x: x(tokens), y: y(0) + 1.2 * em, "text-anchor": anchor }, tokens.toLocaleString("en")));
  }
  parts.push(svg("text", { x: x(0), y: y(0) + 2.5 * em }, "tokens read; upwards: loss in nats per token"));
  return parts;
}

function levelLine({ loss }, { x, y }) {
  return svg("line", { class: "ll-level", x1: x(0), x2: x(Infinity), y1: y(loss), y2: y(loss) });
}

// Beside the curves, each at its level, or just below the one above it.
function levelNames(levels, { em, x, y }) {
  let free = 0;
  return [...levels].sort((a, b) => b.loss - a.loss).map(({ name, loss }) => {
    const middle = Math.max(y(loss), free);
    free = middle + 1.15 * em;
    return svg("text", { x: x(Infinity) + 0.4 * em, y: middle + 0.35 * em }, `${name} ${loss.toFixed(2)}`);
  });
}

function mark({ tokens }, number, all, { em, x, y }) {
  const below = all.slice(0, number).filter((sample) => sample.tokens === tokens).length; // marks at the same place
  const line = svg("line", { class: "ll-mark", x1: x(tokens), x2: x(tokens), y1: y(0), y2: y(Infinity) });
  return svg("g", {}, line, svg("text", { x: x(tokens) + 0.3 * em, y: y(0) - (0.4 + below) * em }, String(number + 1)));
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
