// Draws the tokens of a dialog, a line for each turn. Which of them count is for Python to say.

const BOXES = { system: "System line (may be empty)", question: "The user asks", answer: "The assistant answers" };

function render(view) {
  const { model } = view;
  const boxes = Object.entries(BOXES).map(([trait, text]) =>
    labelled(text, textBox(model, trait, "input", { type: "text", maxlength: model.get("max_text") })));
  const note = make("p", { class: "ll-note", role: "status" });
  const list = make("div", { class: "ll-dialog", role: "group", "aria-label": "Tokens of the dialog" });

  function draw() {
    note.textContent = model.get("note");
    const lines = [];
    for (const token of model.get("tokens")) {
      if (token.begins || !lines.length) lines.push(make("p", { class: "ll-turn" }));
      lines.at(-1).append(shown(token));
    }
    list.replaceChildren(...lines);
  }

  const legend = make("p", { class: "ll-legend" },
    make("span", { class: "ll-token ll-counts" }, "counts"), " the model is asked for it ",
    make("span", { class: "ll-token" }, "read"), " it is only read ",
    make("span", { class: "ll-token ll-differs" }, "!"), " not as it should be");
  model.on("change:tokens", draw);
  model.on("change:note", draw);
  const controls = make("div", { class: "ll-mask-controls" }, menu(model, "mask", "Mask", "masks"));
  makeRoot(view, "ll-loss-mask", note, make("div", { class: "ll-mask-boxes" }, ...boxes), controls, list, legend);
  draw();
}

function shown({ piece, id, counts, differs }) {
  const kinds = ["ll-token", counts ? "ll-counts" : "", differs ? "ll-differs" : ""].filter(Boolean).join(" ");
  const said = `${piece}, id ${id}: ${counts ? "counts" : "only read"}${differs ? ", and should not be so" : ""}`;
  return make("span", { class: kinds, role: "img", "aria-label": said, title: said }, piece);
}

export default { render };
