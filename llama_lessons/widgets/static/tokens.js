// Draws the trait `tokens`. Pointing at a token, or reaching it with the arrow keys, fills the card below.

const HUES = 4;
const KEYS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };

function render(view) {
  const { model } = view;
  const box = textBox(model, "text", "textarea", { rows: 3, maxlength: 2000 });
  const note = make("p", { class: "ll-note", role: "status" });
  const list = make("div", { class: "ll-tokens", role: "group", "aria-label": "Tokens: move with the arrow keys" });
  const card = make("div", { class: "ll-card", "aria-live": "polite" });
  let chosen = null; // the button whose token the card describes

  function tokenButton(token, k) {
    const attributes = {
      class: `ll-hue-${k % HUES}`,
      tabindex: k ? -1 : 0,
      "aria-pressed": "false",
      "aria-label": `token ${k + 1}: ${token.piece}, id ${token.id}`,
    };
    const button = control("button", attributes, make("b", {}, token.piece), make("small", {}, String(token.id)));
    button.addEventListener("mouseenter", () => choose(k));
    button.addEventListener("focus", () => choose(k));
    return button;
  }

  function choose(k) {
    if (chosen) {
      chosen.setAttribute("aria-pressed", "false");
      chosen.tabIndex = -1;
    }
    chosen = list.querySelectorAll("button")[k] ?? null;
    if (chosen) {
      chosen.setAttribute("aria-pressed", "true");
      chosen.tabIndex = 0;
    }
    const token = model.get("tokens")[k];
    if (token) card.replaceChildren(...describe(token));
    else card.replaceChildren(make("p", { class: "ll-faint" }, "Point at a token, or press Tab and the arrow keys."));
  }

  function draw() {
    note.textContent = model.get("note");
    const nodes = model.get("tokens").flatMap((token, k) => {
      const button = tokenButton(token, k);
      return token.piece === "<0x0A>" ? [button, make("span", { class: "ll-break" })] : [button];
    });
    list.replaceChildren(...nodes);
    chosen = null;
    choose(-1);
  }

  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const here = buttons.indexOf(document.activeElement);
    const there = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : here + (KEYS[event.key] ?? NaN);
    if (!buttons[there]) return;
    event.preventDefault();
    buttons[there].focus();
  });
  model.on("change:tokens", draw);
  model.on("change:note", draw);
  makeRoot(view, "ll-tokenizer", note, labelled("Your text", box), list, card);
  draw();
}

function describe(token) {
  const facts = make("p", {}, "Piece ", chip(token.piece), ` has id ${token.id}, bytes ${token.bytes}: ${token.story}.`);
  const steps = token.steps.map((symbols, k) => {
    const before = k ? token.steps[k - 1] : symbols;
    const fresh = symbols.findIndex((symbol, place) => symbol !== before[place]);
    return make("li", {}, ...symbols.map((symbol, place) => chip(symbol, place === fresh ? "ll-new" : "")));
  });
  return [facts, make("ol", { class: "ll-history", "aria-label": "merge history" }, ...steps)];
}

export default { render };
