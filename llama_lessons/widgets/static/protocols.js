// Draws the traits `bars` and `table`: what each model scores in the chosen protocol, and in all twelve. Python computes.

function render(view) {
  const { model } = view;
  const options = model.get("options");
  const menus = {};
  const bars = make("div", { class: "ll-scores" });
  const table = make("table", { class: "ll-twelve" });
  const note = make("p", { class: "ll-note", role: "status" });

  function send(traits) {
    for (const [name, value] of Object.entries(traits)) model.set(name, value);
    model.save_changes();
  }

  function choice(trait, text) {
    const select = control("select", {}, ...options[trait].map((name) => make("option", {}, name)));
    select.addEventListener("input", () => send({ [trait]: select.value }));
    menus[trait] = select;
    return labelled(text, select);
  }

  function draw() {
    for (const [trait, select] of Object.entries(menus)) select.value = model.get(trait);
    const byLetter = model.get("by_letter");
    for (const trait of ["position", "token", "shots"]) menus[trait].disabled = !byLetter;
    menus.normaliser.disabled = byLetter;
    const chance = model.get("chance");
    bars.replaceChildren(...model.get("bars").map((row) => bar(row, chance)));
    const head = ["Protocol", ...model.get("models")].map((name) => make("th", { scope: "col" }, name));
    table.replaceChildren(make("tr", {}, ...head), ...model.get("table").map(line));
    note.textContent = model.get("note");
  }

  const controls = make(
    "div",
    { class: "ll-ask" },
    choice("way", "The answer is read from"),
    choice("position", "The letter stands"),
    choice("token", "The letter's token"),
    choice("shots", "Solved examples before"),
    choice("normaliser", "The text is weighed"),
  );
  const legend = make("p", { class: "ll-faint" }, "Share right, 95 % interval; dotted: by chance. #1 is the best.");
  const left = make("div", {}, controls, bars, legend);
  const caption = make("p", { class: "ll-faint" }, "All twelve; #1, #2, #3 is the rank in each. ★ is MMLU's own.");
  makeRoot(view, "ll-protocols", note, make("div", { class: "ll-halves" }, left, make("div", { class: "ll-scrolls" }, table, caption)));
  let waiting = false; // several traits come in one message: draw once
  for (const trait of ["bars", "table", "note", "by_letter"]) {
    model.on(`change:${trait}`, () => {
      if (waiting) return;
      waiting = true;
      queueMicrotask(() => { waiting = false; draw(); });
    });
  }
  draw();
}

function bar({ name, rank, text, share, low, high }, chance) {
  const track = make(
    "div",
    { class: "ll-track", "aria-hidden": "true" },
    make("i", { class: "ll-share", style: `width: ${share}%` }),
    make("i", { class: "ll-chance", style: `left: ${chance}%` }),
    make("i", { class: "ll-interval", style: `left: ${low}%; width: ${high - low}%` }),
  );
  return make("div", { class: "ll-score" }, make("b", {}, `#${rank} ${name}`), track, make("span", {}, text));
}

function line({ name, cells, chosen, own }) {
  const first = make("th", { scope: "row" }, own ? `${name} ★` : name);
  const rest = cells.map(({ text, rank }) => make("td", { class: `ll-rank-${rank}` }, `${text} `, make("small", {}, `#${rank}`)));
  const row = make("tr", chosen ? { class: "ll-chosen", "aria-current": "true" } : {}, first, ...rest);
  return row;
}

export default { render };
