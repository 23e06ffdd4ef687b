// Draws one question of an exam: its choices, and a bar for each choice and model. All numbers come from Python.

function render(view) {
  const { model } = view;
  const results = make("p", { class: "ll-results" });
  const question = make("p", { class: "ll-question" });
  const table = make("table", { class: "ll-choices" });
  const note = make("p", { class: "ll-note", role: "status" });
  const place = control("input", { type: "range", min: 0, step: 1 });
  const number = make("span", { class: "ll-value", "aria-hidden": "true" });

  function send(traits) {
    for (const [name, value] of Object.entries(traits)) model.set(name, value);
    model.save_changes();
  }

  function button(text, step) {
    const press = control("button", {}, text);
    press.addEventListener("click", () => send({ place: Math.max(0, Math.min(model.get("count") - 1, model.get("place") + step)) }));
    return press;
  }

  function draw() {
    const [at, count] = [model.get("place"), model.get("count")];
    place.max = Math.max(0, count - 1);
    place.value = at;
    number.textContent = count ? `${at + 1} of ${count}` : "none";
    place.setAttribute("aria-valuetext", number.textContent);
    back.disabled = at <= 0;
    on.disabled = at >= count - 1;
    results.replaceChildren(...model.get("results").map((text) => make("span", {}, text)));
    question.textContent = model.get("question");
    const head = ["Choice", ...model.get("models")].map((name) => make("th", { scope: "col" }, name));
    table.replaceChildren(make("tr", {}, ...head), ...model.get("choices").map(row));
    note.textContent = model.get("note");
  }

  place.addEventListener("input", () => send({ place: Number(place.value) }));
  const [back, on] = [button("‹ before", -1), button("next ›", 1)];
  const menus = make("div", { class: "ll-menus" }, menu(model, "protocol", "Protocol", "protocols"), menu(model, "kind", "Show", "kinds"));
  const slider = make("div", { class: "ll-slider" }, labelled("Question", place), number, back, on);
  const legend = make("p", { class: "ll-faint" }, "✓ right answer, ▸ what the model chose. A number is the choice's score in nats (per token or byte where the protocol says so); a bar is its share among the four.");
  makeRoot(view, "ll-exam-errors", note, menus, slider, results, question, table, legend);
  let waiting = false; // several traits come in one message: draw once
  for (const trait of ["place", "count", "results", "question", "choices", "note", "models"]) {
    model.on(`change:${trait}`, () => {
      if (waiting) return;
      waiting = true;
      queueMicrotask(() => { waiting = false; draw(); });
    });
  }
  draw();
}

function row({ text, right, cells }) {
  const name = make("th", { scope: "row" }, `${right ? "✓ " : ""}${text}`);
  return make("tr", right ? { class: "ll-right" } : {}, name, ...cells.map(cell));
}

function cell({ width, text, chosen }) {
  const bar = make("div", { class: "ll-track", "aria-hidden": "true" }, make("i", { style: `width: ${width}%` }));
  return make("td", chosen ? { class: "ll-chosen" } : {}, make("span", { class: "ll-number" }, `${chosen ? "▸ " : ""}${text}`), bar);
}

export default { render };
