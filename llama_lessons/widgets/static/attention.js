// Chooses which map is drawn and asks Python for it; the maps are the model's own, and nothing is computed here.

const PAUSE = 700; // milliseconds between two tokens
const REST = 500; // milliseconds without a step, after which Python is told where one is; a message costs JupyterLab time
const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

function render(view) {
  const { model, signal } = view;
  const root = makeRoot(view, "ll-attention");
  const schedule = painter(root, draw, signal);
  const maps = makeStore(model);
  const thumbs = new Map(); // run -> { side, bytes }
  const state = { step: 0, preview: null, column: false, cell: null, small: 0 };
  const parts = makeParts(model);
  let panels = [];
  let resting = null;
  let colours = null;

  const runs = () => model.get("runs");
  const shape = () => model.get("shape");
  const written = (run) => run.pieces.length - run.n_prompt;
  const lastStep = () => Math.max(...runs().map(written));
  const shown = (run) => run.n_prompt + Math.min(state.step, written(run));
  const token = () => state.preview ?? model.get("token");

  function put(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    clearTimeout(resting);
    resting = setTimeout(tell, REST);
    schedule();
  }

  function tell() {
    clearTimeout(resting);
    resting = null;
    model.save_changes();
  }

  function choose(k) {
    state.preview = null;
    put({ token: k });
  }

  function preview(k) {
    state.preview = k;
    if (k === null) state.cell = null;
    schedule();
  }

  function go(layer, head) {
    const { layers, heads } = shape();
    put({ layer: Math.min(Math.max(layer, 0), layers - 1), head: Math.min(Math.max(head, 0), heads - 1) });
    maps.want(runs(), model.get("layer"), model.get("head"), shape()); // now, not when the next frame is drawn
  }

  function goStep(step) {
    state.step = Math.min(Math.max(step, 0), lastStep());
    choose(runs()[0].n_prompt - 1 + Math.min(state.step, written(runs()[0])));
  }

  function rebuild() { // other texts, or other maps of them
    maps.clear();
    thumbs.clear();
    panels.forEach((panel) => panel.stop());
    panels = runs().map((run, k) => makePanel(k, run, { choose, preview, point, leave }));
    panels.forEach((panel) => panel.words.box.addEventListener("moved", schedule));
    root.classList.toggle("ll-two", panels.length > 1);
    parts.maps.replaceChildren(...panels.map((panel) => make("div", {}, panel.figure, panel.text)));
    parts.small.replaceChildren(...(panels.length > 1 ? smallChoice() : []));
    Object.assign(state, { step: lastStep(), preview: null, cell: null, small: Math.min(state.small, panels.length - 1) });
    parts.player.hidden = lastStep() === 0;
    schedule();
  }

  function smallChoice() {
    return panels.map((_, k) => {
      const input = control("input", { type: "radio", name: `${parts.name}-small`, ...(k === state.small ? { checked: "" } : {}) });
      input.addEventListener("change", () => { state.small = k; schedule(); });
      return make("label", {}, input, ` text ${k + 1}`);
    });
  }

  function point(run, query, key) {
    state.cell = { run, place: [query, key] };
    preview(state.column ? key : query);
  }

  function leave() {
    preview(null);
  }

  function draw() {
    colours = mapColours(root, colours);
    const most = (panels.length > 1 ? 19 : 27) * colours.em;
    const size = Math.floor(Math.min(most, panels[0].figure.clientWidth));
    const [layer, head] = [model.get("layer"), model.get("head")];
    parts.sayHead(layer, head, shape());
    parts.sayStep(state.step, lastStep(), runs()[0]);
    parts.note.textContent = model.get("note");
    drawSmall(layer, head);
    const whole = panels.map((panel) => drawPanel(panel, layer, head, size)).every(Boolean);
    root.setAttribute("aria-busy", String(!whole));
    maps.want(runs(), layer, head, shape());
    if (whole) root.dataset.drawn = [model.get("version"), layer, head, token(), state.step].join(" ");
  }

  function drawSmall(layer, head) {
    const small = thumbs.get(state.small);
    const places = (parts.places = thumbPlaces(shape(), colours.em, root.clientWidth - 2 * colours.em));
    if (!small) maps.wantThumbs(state.small);
    else if (parts.painted?.small !== small || parts.painted.colours !== colours || parts.painted.tile !== places.tile) {
      drawThumbs(parts.thumbs, shape(), small, places, colours);
      parts.painted = { small, colours, tile: places.tile };
    }
    const at = { left: places.x(head) - 2, top: places.y(layer) - 2, width: places.tile + 3, height: places.tile + 3 };
    for (const [name, value] of Object.entries(at)) parts.mark.style[name] = `${value}px`;
  }

  function drawPanel(panel, layer, head, size) {
    const bytes = maps.get(panel.number, layer, head);
    if (!bytes) return false; // the old map stays until the new one has come
    const run = panel.run;
    const n = run.pieces.length;
    const look = { shown: shown(run), token: token(), column: state.column };
    if (state.cell?.run === panel.number) look.cell = state.cell.place;
    const now = { bytes, shown: look.shown, colours, size };
    const same = panel.drawn && Object.keys(now).every((name) => panel.drawn[name] === now[name]);
    panel.place = mapPlace(n, size, colours.em);
    if (!same) drawMap(panel.canvas, run, bytes, look.shown, size, colours);
    panel.drawn = now;
    drawChoice(panel.above, run, look, size, colours);
    const weights = new Uint8Array(n);
    const hues = [];
    for (let k = 0; k < n; k++) {
      const [query, key] = state.column ? [k, look.token] : [look.token, k];
      if (query < look.shown && key < n) weights[k] = weightAt(bytes, n, query, key);
      hues.push(colours.kinds[key > query ? 2 : query < run.n_prompt ? 0 : 1]);
    }
    panel.words.draw(weights, look.token, look.shown, hues);
    if (state.preview === null || state.cell) panel.words.reveal(look.token); // not while one points at the words
    panel.say(weights, look, state.column, bytes);
    return true;
  }

  function receive(content, buffers) {
    if (content.version !== model.get("version")) return;
    const bytes = buffers.map(bytesOf);
    if (content.maps) content.maps.forEach((place, k) => maps.put(place, bytes[k]));
    else thumbs.set(content.thumbs, { side: content.side, bytes: bytes[0] });
    schedule();
  }

  parts.connect({ go, goStep, step: () => state.step, lastStep, shape, direction: (column) => { state.column = column; schedule(); } });
  model.on("msg:custom", receive);
  model.on("change:version", rebuild);
  for (const trait of ["layer", "head", "token", "note"]) model.on(`change:${trait}`, schedule);
  root.addEventListener("reset", () => {
    if (resting !== null) tell();
    Object.assign(state, { step: lastStep(), preview: null, column: false, cell: null, small: 0 });
    parts.begin();
    parts.small.replaceChildren(...(panels.length > 1 ? smallChoice() : []));
    schedule();
  });
  root.append(parts.inputs, make("div", { class: "ll-board" }, parts.side, parts.maps));
  root.querySelector(".ll-shortened").after(parts.note, parts.fact);
  rebuild();
  signal.addEventListener("abort", () => { // neither timers nor observers must outlive the view
    parts.stop();
    if (resting !== null) tell();
    maps.clear();
    panels.forEach((panel) => panel.stop());
  });
}

export default { render };
