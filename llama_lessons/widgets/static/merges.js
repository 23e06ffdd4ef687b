// Plays the trait `frames`: the slider, the buttons and the timer only choose which frame is drawn.

const PAUSE = 900; // milliseconds between two merges

function render(view) {
  const { model, signal } = view;
  const box = textBox(model, "text", "input", { type: "text", maxlength: 300 });
  const note = make("p", { class: "ll-note", role: "status" });
  const words = make("div", { class: "ll-words", role: "group", "aria-label": "the sentence as symbols" });
  const table = make("table", { class: "ll-pairs" });
  const slider = control("input", { type: "range", min: 0, value: 0 });
  const back = control("button", {}, "Back");
  const play = control("button", {}, "Play");
  const next = control("button", {}, "Next");
  let timer = null;

  function last() {
    return Math.max(model.get("frames").length - 1, 0);
  }

  function go(step) {
    model.set("step", Math.min(Math.max(step, 0), last()));
    model.save_changes();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  }

  function toggle() {
    if (timer !== null) return stop();
    if (model.get("step") >= last()) go(0);
    play.textContent = "Pause";
    timer = setInterval(() => {
      go(model.get("step") + 1);
      if (model.get("step") >= last()) stop();
    }, PAUSE);
  }

  function draw() {
    const frames = model.get("frames");
    const step = Math.min(model.get("step"), last());
    const frame = frames[step];
    slider.max = last();
    slider.value = step;
    note.textContent = model.get("note") || (frame ? sentence(frames, step) : "Nothing to merge.");
    words.replaceChildren(...(frame ? frame.words.map((word) => drawWord(word, frames[step - 1])) : []));
    table.replaceChildren(...(frame ? drawPairs(frame, frames[0].pairs[0]?.[2]) : []));
  }

  box.addEventListener("input", stop);
  back.addEventListener("click", () => { stop(); go(model.get("step") - 1); });
  next.addEventListener("click", () => { stop(); go(model.get("step") + 1); });
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  for (const trait of ["frames", "step", "note"]) model.on(`change:${trait}`, draw);
  const player = make("div", { class: "ll-player" }, back, play, next, labelled("Merges done", slider));
  makeRoot(view, "ll-merges", note, labelled("Your sentence", box), player, make("div", { class: "ll-moment" }, words, table));
  draw();
  signal.addEventListener("abort", stop); // the timer must not outlive the view
}

function sentence(frames, step) {
  const symbols = frames[step].words.reduce((sum, word) => sum + word.length, 0);
  const before = step > 0 ? ` Just made: ${frames[step - 1].pair[0]}${frames[step - 1].pair[1]}.` : "";
  const done = `${step} of ${frames.length - 1} merges done, ${symbols} symbol${symbols === 1 ? "" : "s"}.${before}`;
  if (!frames[step].pair) return `${done} No pair occurs twice any more: nothing is left to merge.`;
  const [left, right, count] = frames[step].pair;
  return `${done} The next merge: ${left} + ${right}, seen ${count} times.`;
}

function drawWord(word, before) {
  const fresh = before?.pair ? before.pair[0] + before.pair[1] : null;
  return make("span", {}, ...word.map((symbol) => chip(symbol, symbol === fresh ? "ll-new" : "")));
}

function drawPairs(frame, most) {
  const rows = frame.pairs.map(([left, right, count]) => {
    const chosen = frame.pair && left === frame.pair[0] && right === frame.pair[1];
    const bar = make("span", { class: "ll-bar", style: `--share: ${count / most}` });
    const cells = [make("td", {}, chip(left), " ", chip(right)), make("td", {}, bar, String(count))];
    return make("tr", chosen ? { class: "ll-next" } : {}, ...cells, make("td", {}, chosen ? "is merged next" : ""));
  });
  return [make("caption", {}, "Most frequent pairs"), ...rows];
}

export default { render };
