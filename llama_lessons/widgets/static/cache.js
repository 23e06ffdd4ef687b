// Goes through the trait `frames`: slider, buttons and timer only choose which step of the record is drawn.

const PAUSE = 450; // milliseconds between two steps
const MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
const RUN = ["frames", "cells", "pieces", "rows", "written", "note", "step"];

function render(view) {
  const { model, signal } = view;
  const root = makeRoot(view, "ll-kv");
  const schedule = painter(root, draw, signal);
  const { slider, field } = tied(model);
  const says = make("p", { class: "ll-says", role: "status" });
  const canvas = make("canvas");
  const grid = control("div", { class: "ll-grid", tabindex: 0, role: "img", "aria-label": "the cache: move with the arrow keys" }, canvas);
  const info = make("p", { class: "ll-info ll-faint", "aria-live": "polite" });
  const meters = make("div", { class: "ll-meters" });
  const strip = make("div", { class: "ll-strip", "aria-hidden": "true" });
  const text = make("p", { class: "ll-written" });
  const range = control("input", { type: "range", min: 0, value: 0 });
  const [back, play, next] = ["Back", "Play", "Next"].map((name) => control("button", {}, name));
  let timer = null;
  let cursor = null;
  let drawn = null; // what lies on the canvas, and where

  const frames = () => model.get("frames");
  const last = () => Math.max(frames().length - 1, 0);
  const step = () => Math.min(model.get("step"), last());
  const places = () => frames()[0]?.places.length ?? model.get("capacity");

  function go(k) {
    model.set("step", Math.min(Math.max(k, 0), last()));
    model.save_changes();
    schedule();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function toggle() {
    if (timer !== null) return stop();
    if (step() >= last()) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      go(step() + 1);
      if (step() >= last()) stop();
    }, PAUSE);
  }

  function draw() {
    const [k, capacity, rows] = [step(), places(), model.get("rows")];
    const frame = frames()[k];
    const size = rows.length * 2 * capacity;
    const bytes = bytesOf(model.get("cells")).subarray(k * size, (k + 1) * size);
    const at = drawCache(canvas, { rows, pieces: model.get("pieces"), capacity, frame, bytes, cursor }, grid.clientWidth, readColours(root));
    drawn = { rows, capacity, at };
    range.max = last();
    range.value = k;
    says.textContent = model.get("note") || (frame ? sentence(frame, k) : "");
    sayCell(frame);
    if (frame) {
      const work = `Computed: ${frame.computed} tokens with the cache, ${frame.without} without`;
      meters.replaceChildren(
        bar([["ll-weights", frame.full]], `Filled: ${frame.memory}`),
        bar([["ll-weights", frame.share], ["ll-cache", 100 - frame.share]], work),
      );
    }
    drawWork(strip, frames(), k, (to) => { stop(); go(to); });
    sayText();
    root.dataset.drawn = `${k} ${frames().length} ${cursor ?? ""}`;
  }

  function sentence(frame, k) {
    const word = model.get("pieces")[frame.first];
    const many = frame.n_new > 1 ? `${frame.n_new} tokens at once, ${word} ...` : `one token, ${word}`;
    return `Step ${k + 1} of ${frames().length}, ${frame.kind}: reads ${many}. ${frame.says}`;
  }

  function sayCell(frame) {
    if (!cursor || !frame) {
      const named = drawn.at.every > 1 ? ` One place in ${drawn.at.every} has its word above it.` : "";
      info.textContent = `Point at a cell, or press Tab and the arrow keys.${named}`;
      return;
    }
    const [row, place] = cursor;
    const token = frame.places[place];
    const came = frames().findIndex(({ first, n_new }) => token >= first && token < first + n_new);
    const holds = token < 0 ? "is empty" : `holds key and value of ${model.get("pieces")[token]}, read in step ${came + 1}`;
    const unread = token >= 0 && place >= frame.filled ? "; it lies behind the end, and nothing reads it" : "";
    info.textContent = `${model.get("rows")[row].name}: place ${place} ${holds}${unread}.`;
  }

  function sayText() {
    const { text: now, usual, end } = model.get("written");
    const parts = [make("b", {}, now || "nothing"), ` (${end}).`];
    if (now !== usual) parts.push(make("br"), "With room enough and no mistake: ", make("b", {}, usual));
    text.replaceChildren("It wrote: ", ...parts);
  }

  function move(to) {
    cursor = to;
    schedule();
  }

  function walk(event) {
    const by = MOVES[event.key];
    if (!by) return;
    event.preventDefault();
    const [row, place] = cursor ?? [0, -1];
    const within = (value, size) => Math.min(Math.max(value, 0), size - 1);
    move([within(row + by[0], model.get("rows").length), within(place + by[1], places())]);
  }

  grid.addEventListener("mousemove", (event) => move(drawn && cellUnder(event.offsetX, event.offsetY, drawn)));
  grid.addEventListener("mouseleave", () => move(null));
  grid.addEventListener("keydown", walk);
  back.addEventListener("click", () => { stop(); go(step() - 1); });
  next.addEventListener("click", () => { stop(); go(step() + 1); });
  play.addEventListener("click", toggle);
  range.addEventListener("input", () => { stop(); go(Number(range.value)); });
  for (const trait of RUN) model.on(`change:${trait}`, schedule);
  signal.addEventListener("abort", stop); // the timer must not outlive the view

  const controls = make(
    "div",
    { class: "ll-controls" },
    menu(model, "reading", "Reads", "readings"),
    menu(model, "way", "The cache is used", "ways"),
    slider("capacity", "Room, in tokens", { max: () => model.get("max_capacity"), on: "change" }),
    menu(model, "rule", "When it is full", "rules"),
  );
  const player = make("div", { class: "ll-player" }, labelled("Step", range), back, play, next);
  const cells = legend(["ll-prefill", "key (upper half)"], ["ll-value", "value (lower half)"], ["ll-fresh", "new in this step"], ["ll-end", "end of what is read"]);
  const work = legend(["", "Tokens in each step:"], ["ll-prefill", "prefill"], ["ll-decode", "decoding"], ["ll-again", "computed again, without a cache"]);
  const steps = make("div", { class: "ll-work" }, work, strip);
  const side = [field("prompt", "Your text", { maxlength: 400 }), controls, player, meters];
  const cache = make("div", {}, says, beside(side, [text, cells, grid, info, steps]));
  root.append(...(model.get("gauges").length ? twoParts(cache, whatIf(model, slider)) : [cache]));
  root.addEventListener("reset", stop);
  schedule();
}

export default { render };
