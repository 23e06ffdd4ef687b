// Shared by all views. Text enters the page as text nodes only: nothing that a reader or a model wrote becomes HTML.

const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").body.firstChild.namespaceURI;

function make(tag, attributes = {}, ...children) {
  return grown(document.createElement(tag), attributes, children);
}

// A part of a drawing, as `make` is for a part of a page.
function svg(tag, attributes = {}, ...children) {
  return grown(document.createElementNS(SVG, tag), attributes, children);
}

function grown(node, attributes, children) {
  set(node, attributes);
  node.append(...children);
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

// JupyterLab takes arrow keys and letters as its own shortcuts, unless the element that has the focus says no.
function control(tag, attributes = {}, ...children) {
  return make(tag, { "data-lm-suppress-shortcuts": "true", ...attributes }, ...children);
}

// The outermost part of a view, the frame that all views share. Its style sheet reaches what lies below `kind`, a class of
// its own, and nothing else. A view that keeps something for itself, such as a timer, forgets it at the root's "reset".
function makeRoot({ model, el, signal }, kind, ...children) {
  const long = make("p", { class: "ll-shortened", role: "note" });
  const tools = make("div", { class: "ll-tools" });
  const root = make("div", { class: `ll-view ${kind}` }, tools, long, ...children);
  const say = () => { long.textContent = model.get("shortened"); };
  root.addEventListener("shortened", ({ detail }) => { long.textContent = detail; });
  model.on("change:shortened", say);
  say();
  tools.append(press("Reset", () => {
    root.dispatchEvent(new Event("reset"));
    model.send({ frame: "reset" });
  }), screenButton(root));
  el.append(root);
  watchKernel(model, el, signal);
  return root;
}

// Controls beside a picture; above it where a view is narrow.
function beside(controls, picture) {
  return make("div", { class: "ll-beside" }, make("div", { class: "ll-side" }, ...controls), make("div", { class: "ll-main" }, ...picture));
}

function press(label, action) {
  const button = control("button", { type: "button" }, label);
  button.addEventListener("click", action);
  return button;
}

// Fills the screen with a view, and gives the page back; Escape does so, too.
function screenButton(root) {
  const fills = () => document.fullscreenElement === root;
  const button = press("Full screen", () => (fills() ? document.exitFullscreen() : root.requestFullscreen()));
  button.hidden = !document.fullscreenEnabled;
  root.addEventListener("fullscreenchange", () => { button.textContent = fills() ? "Leave full screen" : "Full screen"; });
  root.addEventListener("keydown", ({ key }) => { if (key === "Escape" && fills()) document.exitFullscreen(); });
  return button;
}

// A view whose kernel is gone looks alive; JupyterLab's own class for that makes it say so (view.css). A kernel that was
// restarted, has crashed, or was shut down or changed, knows nothing of the view, and never will.
function watchKernel(model, el, signal) {
  const session = model.widget_manager?.context?.sessionContext;
  if (!session) return watchConnection(model.widget_manager?.kernel, el, signal);
  const mark = () => el.classList.add("jupyter-widgets-disconnected");
  const look = (_, status) => { if (["restarting", "autorestarting", "dead"].includes(status)) mark(); };
  session.statusChanged.connect(look);
  session.kernelChanged.connect(mark);
  signal.addEventListener("abort", () => {
    session.statusChanged.disconnect(look);
    session.kernelChanged.disconnect(mark);
  });
}

// On a page of Voila's, whose kernel is never another: it is there as long as there is a connection to it.
function watchConnection(kernel, el, signal) {
  const look = (_, status) => el.classList.toggle("jupyter-widgets-disconnected", status !== "connected");
  kernel?.connectionStatusChanged?.connect(look);
  signal.addEventListener("abort", () => kernel?.connectionStatusChanged?.disconnect(look));
}

// Returns a function that has `draw` called before the next frame; it is also called when the theme or the root's size has
// changed. Never while the root is out of the page, where nothing has a colour or a width: once it has a size, it is.
function painter(root, draw, signal) {
  let waiting = null;
  const schedule = () => {
    waiting ??= requestAnimationFrame(() => {
      waiting = null;
      if (root.clientWidth) draw();
    });
  };
  const theme = new MutationObserver(schedule);
  const size = new ResizeObserver(schedule);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "class"] });
  size.observe(root);
  signal.addEventListener("abort", () => {
    theme.disconnect();
    size.disconnect();
    cancelAnimationFrame(waiting);
  });
  return schedule;
}

function labelled(text, input) {
  return make("label", { class: "ll-label" }, make("span", {}, text), input);
}

function wellFormed(text) {
  return text.toWellFormed?.() ?? text; // half a character would not survive the way to Python
}

// A box for no more than `maxlength` characters: of what is longer it keeps the beginning, and the frame says so.
function boxFor(tag, { maxlength, ...attributes }) {
  const box = control(tag, { spellcheck: "false", ...attributes });
  let said = false;
  box.addEventListener("input", () => {
    const { length } = box.value;
    if (length > maxlength) box.value = box.value.slice(0, maxlength);
    const detail = length > maxlength ? `Cut: of ${length} characters the first ${maxlength} are used.` : "";
    if (detail || said) box.dispatchEvent(new CustomEvent("shortened", { detail, bubbles: true }));
    said = detail !== "";
  });
  return box;
}

// A text box for one trait: what is typed goes to Python, and what Python sets is shown.
function textBox(model, trait, tag, attributes) {
  const box = boxFor(tag, attributes);
  box.value = model.get(trait);
  box.addEventListener("input", () => {
    model.set(trait, wellFormed(box.value));
    model.save_changes();
  });
  model.on(`change:${trait}`, () => {
    if (box.value !== model.get(trait)) box.value = model.get(trait);
  });
  return box;
}

// A text box that gives its text as a whole, where each letter would be too much work: with Enter, or when one leaves it.
function sentBox(attributes, send) {
  const box = boxFor("input", { type: "text", ...attributes });
  const read = () => send(wellFormed(box.value));
  box.addEventListener("change", read); // in JupyterLab, Enter makes no such event
  box.addEventListener("keydown", ({ key }) => { if (key === "Enter") read(); });
  return box;
}

// A menu for one trait; another trait holds what there is to choose from.
function menu(model, trait, text, options) {
  const select = control("select", {}, ...model.get(options).map((name) => make("option", {}, name)));
  select.addEventListener("input", () => {
    model.set(trait, select.value);
    model.save_changes();
  });
  const show = () => { select.value = model.get(trait); };
  model.on(`change:${trait}`, show);
  show();
  return labelled(text, select);
}

function chip(symbol, kind = "") {
  return make("span", { class: `ll-chip ${kind}` }, symbol);
}
