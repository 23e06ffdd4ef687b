// Draws the board, and beside it three boxes and the answers to what stands in them. All that is judged, Python judged.

function render(view) {
  const { model } = view;
  const drawn = {};
  const board = make("table", { class: "ll-board" });
  const replies = make("div", { class: "ll-replies" });
  const tally = make("div", { class: "ll-tally", tabindex: "0", "data-lm-suppress-shortcuts": "true" });
  const status = make("p", { class: "ll-note", role: "status" });
  const boxes = { system: "System line", message: "Message", first: "First words of the answer" };

  function wait() {
    replies.setAttribute("aria-busy", "true"); // until Python has told them
  }

  function box([trait, text]) {
    const input = sentBox({ maxlength: 400 }, (value) => {
      if (value === model.get(trait)) return;
      model.set(trait, value);
      model.save_changes();
      wait();
    });
    drawn[trait] = () => { input.value = model.get(trait); };
    return labelled(text, input);
  }

  function choice(trait, text, options) {
    const chosen = menu(model, trait, text, options);
    chosen.addEventListener("input", wait);
    const select = chosen.querySelector("select");
    drawn[options] = () => { // they may come after the view, on a busy machine
      select.replaceChildren(...model.get(options).map((name) => make("option", {}, name)));
      select.value = model.get(trait);
    };
    return chosen;
  }

  drawn.rows = () => {
    const names = model.get("models").map((name) => make("th", { scope: "col" }, name));
    const key = make("caption", {}, make("i", { class: "ll-missed" }), "bad requests not declined ", make("i", { class: "ll-refused" }), "harmless ones declined");
    board.replaceChildren(key, make("tr", {}, make("td", {}), ...names), ...model.get("rows").map(boardRow));
  };
  drawn.replies = () => { replies.replaceChildren(...model.get("replies").map(reply)); };
  drawn.answered = () => { replies.removeAttribute("aria-busy"); };
  drawn.tally = () => { tally.replaceChildren(...tallied(model.get("models"), model.get("tally"))); };
  drawn.note = () => { status.textContent = model.get("note"); };

  const menus = [choice("request", "Request", "requests"), choice("attack", "Put as", "attacks")];
  const own = make("div", { class: "ll-own" }, ...menus, ...Object.entries(boxes).map(box));
  const right = make("div", {}, own, replies);
  const left = make("div", {}, board, make("b", {}, "Your own attacks (change a box, then press Enter)"), tally);
  makeRoot(view, "ll-red-team", status, make("div", { class: "ll-halves" }, left, right)).addEventListener("reset", wait);
  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
}

function boardRow({ kind, cells }) {
  return make("tr", {}, make("th", { scope: "row" }, kind), ...cells.map(([missed, refused]) => {
    const title = `bad requests not declined: ${missed.words}; harmless ones declined: ${refused.words}`;
    return make("td", { title }, bar(missed, "ll-missed"), bar(refused, "ll-refused"));
  }));
}

function bar({ share, low, high }, kind) {
  const whisker = make("u", { style: `left: ${low}%; width: ${high - low}%` });
  const track = make("span", { class: "ll-track", "aria-hidden": "true" }, make("i", { class: kind, style: `width: ${share}%` }), whisker);
  return make("span", { class: "ll-bar" }, track, make("small", {}, `${Math.round(share)} %`));
}

const MARKS = { declined: "declined", helped: "helped!", neither: "neither" };

function reply({ model, text, did, keyword }) {
  const judged = make("small", {}, make("b", { class: `ll-${did}` }, MARKS[did]), ` says the Valley; keywords say ${keyword}`);
  return make("section", {}, make("h4", {}, model), make("p", {}, text), judged);
}

function tallied(models, lines) {
  if (!lines.length) return [make("p", { class: "ll-faint" }, "None yet.")];
  const counts = models.map((name, k) => `${name} ${lines.filter(({ did }) => did[k] !== "declined").length}`);
  const head = make("p", {}, `${lines.length} tried; not declined by ${counts.join(", ")}.`);
  return [head, ...lines.map(({ said, did }) => make("p", { class: "ll-faint" }, `${said} (${did.join(", ")})`))];
}

export default { render };
