// The controls of the attention view, and the panel of one text: its map, its words, and what they say in numbers.

function makeParts(model) {
  const name = `ll-${Math.random().toString(36).slice(2)}`; // radio buttons of one view share a name
  const slider = (text) => {
    const input = control("input", { type: "range", min: 0, value: 0 });
    return { input, label: labelled(text, input) };
  };
  const [layer, head, step] = ["Layer", "Head", "Tokens written"].map(slider);
  const [back, play, next] = ["Back", "Play", "Next"].map((text) => control("button", {}, text));
  const fact = make("p", { class: "ll-fact", role: "status" });
  const reading = make("p", { class: "ll-faint" });
  const player = make("div", { class: "ll-steps" }, step.label, make("div", {}, back, " ", play, " ", next), reading);
  const label = "All heads: a row for each layer, a column for each head. Move with the arrow keys.";
  const thumbs = make("canvas");
  const mark = make("div", { class: "ll-mark" });
  const grid = control("div", { class: "ll-grid", tabindex: 0, role: "group", "aria-label": label }, thumbs, mark);
  const small = make("div", { class: "ll-small" });
  const rows = ["what it looks at", "what looks at it"].map((text, k) => {
    const input = control("input", { type: "radio", name: `${name}-direction`, ...(k === 0 ? { checked: "" } : {}) });
    return { input, label: make("label", {}, input, ` ${text}`) };
  });
  const direction = make("fieldset", {}, make("legend", {}, "Lines from a token to"), ...rows.map((row) => row.label));
  const sliders = make("div", { class: "ll-where" }, layer.label, head.label);
  const knobs = make("div", { class: "ll-knobs" }, sliders, direction, player);
  const parts = {
    name, fact, thumbs, mark, small, player, painted: null,
    note: make("p", { class: "ll-note", role: "status" }),
    inputs: makeInputs(model),
    side: make("div", { class: "ll-side" }, make("div", {}, grid, small), knobs),
    maps: make("div", { class: "ll-maps" }),
  };
  let timer = null;

  parts.stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };

  parts.begin = () => {
    parts.stop();
    rows[0].input.checked = true;
  };

  parts.sayHead = (l, h, { layers, heads, groups }) => {
    grid.hidden = fact.hidden = layers * heads === 1; // there is nothing to choose
    layer.label.hidden = layers === 1;
    head.label.hidden = heads === 1;
    layer.input.max = layers - 1;
    head.input.max = heads - 1;
    layer.input.value = l;
    head.input.value = h;
    const size = heads / groups;
    const group = Math.floor(h / size);
    const others = Array.from({ length: size }, (_, k) => group * size + k).filter((k) => k !== h);
    const shares = others.length ? ` It shares keys and values (kv ${group}) with head${size > 2 ? "s" : ""} ${others.join(", ")}.` : "";
    fact.textContent = `Layer ${l} of ${layers}, head ${h} of ${heads}, counted from 0.${shares}`;
  };

  parts.sayStep = (now, last, run) => {
    step.input.max = last;
    step.input.value = now;
    const one = `Then ${now} of ${last} one by one: a row each (decoding).`;
    reading.textContent = `${run.n_prompt} tokens read at once: a triangle (prefill). ${last ? one : ""}`;
  };

  parts.connect = ({ go, goStep, step: now, lastStep, shape, direction: turn }) => {
    const here = () => [model.get("layer"), model.get("head")];
    layer.input.addEventListener("input", () => go(Number(layer.input.value), here()[1]));
    head.input.addEventListener("input", () => go(here()[0], Number(head.input.value)));
    step.input.addEventListener("input", () => { parts.stop(); goStep(Number(step.input.value)); });
    back.addEventListener("click", () => { parts.stop(); goStep(now() - 1); });
    next.addEventListener("click", () => { parts.stop(); goStep(now() + 1); });
    play.addEventListener("click", () => {
      if (timer !== null) return parts.stop();
      goStep(now() >= lastStep() ? 0 : now() + 1);
      play.textContent = "Pause";
      timer = setInterval(() => (now() < lastStep() ? goStep(now() + 1) : parts.stop()), PAUSE);
    });
    rows.forEach((row, k) => row.input.addEventListener("change", () => turn(k === 1)));
    grid.addEventListener("keydown", (event) => {
      const move = STEPS[event.key];
      if (!move) return;
      event.preventDefault();
      go(here()[0] + move[0], here()[1] + move[1]);
    });
    grid.addEventListener("click", (event) => {
      const { places } = parts; // of what was drawn last
      const box = thumbs.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      if (!places) return;
      const heads = Array.from({ length: shape().heads }, (_, k) => k);
      go(Math.floor((y - places.y(0)) / places.tile), heads.findLast((k) => places.x(k) <= x) ?? 0);
    });
  };
  return parts;
}

// Boxes for the texts and a list of the ways to attend, where the view has a model to ask.
function makeInputs(model) {
  const inputs = make("div", { class: "ll-inputs" });
  model.get("prompts").forEach((_, k) => {
    const box = sentBox({ maxlength: 2000 }, (text) => {
      model.set("prompts", model.get("prompts").map((old, j) => (j === k ? text : old)));
      model.save_changes();
    });
    const show = () => { box.value = model.get("prompts")[k] ?? ""; };
    model.on("change:prompts", show);
    show();
    inputs.append(labelled(model.get("prompts").length > 1 ? `Text ${k + 1}` : "Text", box));
  });
  if (model.get("ways").length > 1) inputs.append(menu(model, "way", "Attending", "ways"));
  return inputs;
}

function makePanel(number, run, { choose, preview, point, leave }) {
  const words = makeWords(choose, preview);
  const n = run.pieces.length;
  const canvas = make("canvas");
  const above = make("canvas", { class: "ll-above" });
  const label = "The map: a row for each token, a column for what it looks at. Move with the arrow keys.";
  const frame = control("div", { class: "ll-map", tabindex: 0, role: "group", "aria-label": label }, canvas, above);
  const exact = make("p", { class: "ll-exact ll-faint", role: "status" });
  const says = make("p", { role: "status" });
  const writes = make("p", { class: "ll-writes" });
  const named = make("span", {});
  let place = [n - 1, 0];
  words.rebuild(run);

  function placeOf(event) {
    const box = canvas.getBoundingClientRect();
    const { margin, cell } = panel.place;
    const [key, query] = [event.clientX - box.left, event.clientY - box.top].map((at) => Math.floor((at - margin) / cell));
    return query >= 0 && key >= 0 && query < n && key < n ? [query, key] : null;
  }

  frame.addEventListener("mousemove", (event) => {
    const found = placeOf(event);
    if (found) point(number, ...(place = found));
    else leave();
  });
  frame.addEventListener("mouseleave", leave);
  frame.addEventListener("click", (event) => {
    const found = placeOf(event);
    if (found) choose(found[0]);
  });
  frame.addEventListener("keydown", (event) => {
    const move = STEPS[event.key];
    if (!move) return;
    event.preventDefault();
    place = place.map((at, k) => Math.min(Math.max(at + move[k], 0), n - 1));
    point(number, ...place);
  });
  frame.addEventListener("blur", leave);

  function say(weights, view, column, bytes) {
    named.textContent = panel.place.every > 1 ? `One token in ${panel.place.every} is named.` : "";
    keys[2].hidden = bytes.length < n * n; // a map that ends at the diagonal has no such weights
    const found = [...weights.keys()].filter((k) => weights[k] >= 3).sort((a, b) => weights[b] - weights[a]);
    const list = found.slice(0, 4).map((k) => `${run.pieces[k]} ${percent(weights[k])}`).join(", ");
    const who = run.pieces[view.token];
    if (view.token >= view.shown) says.textContent = `Token ${view.token} has not been read yet.`;
    else if (column) says.textContent = `${who} is looked at by ${list || "nobody"}${found.length > 4 ? " ..." : ""}`;
    else says.textContent = `${who} looks at ${list || "nothing"}${found.length > 4 ? " ..." : ""}`;
    const [query, key] = (view.cell ?? []).map((k) => run.pieces[k]);
    exact.textContent = view.cell ? `${query} gives ${key} ${percent(weightAt(bytes, n, ...view.cell))}` : "";
  }

  const changed = run.text !== run.usual;
  if (run.text !== undefined) {
    writes.append("It writes: ", make("b", {}, run.text.trim() || "nothing"));
    if (changed) writes.append(" As trained it would write: ", make("b", {}, run.usual.trim() || "nothing"));
  }
  const keys = legend(run);
  const figure = make("div", { class: "ll-figure" }, frame, make("p", { class: "ll-legend ll-faint" }, ...keys, named), exact);
  const text = make("div", { class: "ll-panel" }, words.box, says, writes);
  const panel = { number, run, words, canvas, above, figure, text, say, stop: words.stop };
  return panel;
}

function legend(run) {
  const now = run.n_prompt < run.pieces.length ? ", read at once" : "";
  const names = [`looks back${now}`, "looks back, read one by one", "looks at the future"];
  const keys = names.map((name, k) => make("span", { class: `ll-key ll-key-${k}` }, name));
  keys[1].hidden = run.n_prompt === run.pieces.length;
  return keys;
}
