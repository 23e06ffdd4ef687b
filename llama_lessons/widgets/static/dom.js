// Shared by all views. Text enters the page as text nodes only: nothing that a reader or a model wrote becomes HTML.

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// JupyterLab takes arrow keys and letters as its own shortcuts, unless the element that has the focus says no.
function control(tag, attributes = {}, ...children) {
  return make(tag, { "data-lm-suppress-shortcuts": "true", ...attributes }, ...children);
}

function labelled(text, input) {
  return make("label", { class: "ll-label" }, make("span", {}, text), input);
}

// A text box for one trait: what is typed goes to Python, and what Python sets is shown.
function textBox(model, trait, tag, attributes) {
  const box = control(tag, { spellcheck: "false", ...attributes });
  box.value = model.get(trait);
  box.addEventListener("input", () => {
    model.set(trait, box.value.toWellFormed?.() ?? box.value); // half a character would not survive the way to Python
    model.save_changes();
  });
  model.on(`change:${trait}`, () => {
    if (box.value !== model.get(trait)) box.value = model.get(trait);
  });
  return box;
}

function chip(symbol, kind = "") {
  return make("span", { class: `ll-chip ${kind}` }, symbol);
}
