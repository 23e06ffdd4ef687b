// Draws answers turn by turn, a column for each model. All texts and numbers come from Python.

function render(view) {
  const { model } = view;
  const note = make("p", { class: "ll-note", role: "status" });
  const table = make("table", { class: "ll-turns" });
  const wish = sentBox({ maxlength: model.get("max_text") }, (text) => { if (text !== model.get("wish")) send("wish", text); });
  const layer = menu(model, "layer", "Attention in", "layers");
  const boxes = model.get("questions").map((_, k) =>
    sentBox({ maxlength: model.get("max_text"), "aria-label": `question of turn ${k + 1}` }, (text) => ask(k, text)));

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
    table.setAttribute("aria-busy", "true"); // until Python has asked the models
  }

  function ask(k, text) {
    const questions = [...model.get("questions")];
    if (questions[k] === text) return;
    questions[k] = text;
    send("questions", questions);
  }

  function fill() {
    wish.value = model.get("wish");
    boxes.forEach((box, k) => { box.value = model.get("questions")[k]; });
  }

  function draw() {
    table.removeAttribute("aria-busy");
    note.textContent = model.get("note");
    const names = model.get("names");
    const heads = ["turn", ...names].map((name) => make("th", { scope: "col" }, name));
    const rows = model.get("turns").flatMap((cells, k) => [
      make("tr", { class: "ll-asked" }, make("th", { scope: "row", rowspan: 2 }, String(k + 1)), make("td", { colspan: names.length }, boxes[k])),
      make("tr", {}, ...cells.map(cell)),
    ]);
    const here = boxes.indexOf(document.activeElement); // drawing anew must not take the cursor away
    table.replaceChildren(make("tr", {}, ...heads), ...rows);
    if (here >= 0) boxes[here].focus();
  }

  for (const trait of ["wish", "questions"]) model.on(`change:${trait}`, fill);
  for (const trait of ["turns", "note"]) model.on(`change:${trait}`, draw);
  const controls = make("div", { class: "ll-wish-controls" }, labelled("The wish, in the system line (press Enter here, or after a question)", wish), layer);
  const legend = make("p", { class: "ll-faint" }, "✓ keeps the wish, ✗ does not. Bars: attention that the beginning of the answer pays to the wish, and to the model's own earlier answers; of each, in the head where it is largest.");
  makeRoot(view, "ll-obedience", note, controls, table, legend);
  fill();
  draw();
}

function cell({ answer, kept, wish, own }) {
  const verdict = make("b", { class: kept ? "ll-kept" : "ll-lost" }, kept ? "✓ " : "✗ ");
  const said = make("p", { class: "ll-said" }, verdict, answer || "(nothing)");
  return make("td", {}, said, make("div", { class: "ll-looks" }, gauge("wish", wish), gauge("own", own)));
}

function gauge(name, share) {
  const bar = make("div", { class: `ll-share ll-${name}`, "aria-hidden": "true" }, make("i", { style: `width: ${share}%` }));
  return make("div", { class: "ll-look" }, make("span", {}, name), bar, make("span", { class: "ll-percent" }, `${share.toFixed(0)} %`));
}

export default { render };
