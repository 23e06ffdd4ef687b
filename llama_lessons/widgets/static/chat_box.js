// Draws a dialog and the answer that is being written; sends what is typed. All text comes from Python and goes there.

function render(view) {
  const { model } = view;
  const limits = model.get("limits");
  const drawn = {};
  const log = control("div", { class: "ll-log", role: "log", "aria-label": "Dialog", tabindex: 0 });
  const box = boxFor("textarea", { rows: 2, maxlength: limits.text });
  const send = press("Send", () => ask());
  const stop = press("Stop", () => model.send({ do: "stop" }));
  const reset = press("New dialog", () => model.send({ do: "reset" }));
  const system = boxFor("input", { type: "text", maxlength: limits.text });
  const heat = control("input", { type: "range", min: 0, max: limits.temperature, step: 0.1 });
  const degrees = make("span", { class: "ll-value", "aria-hidden": "true" });
  const note = make("p", { class: "ll-note", role: "status" });
  const raw = make("details", { class: "ll-raw" }, control("summary", {}, "The tokens that the model read and wrote"));
  const chips = make("p", { class: "ll-tokens" });
  raw.append(chips);
  const pending = make("p", { class: "ll-turn ll-assistant" });
  const whom = menu(model, "name", "Talk to", "names");
  let sent = null; // the message that is on its way: the box keeps it until Python has taken it

  function set(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }

  function ask() {
    if (model.get("busy") || !box.value.trim()) return;
    sent = box.value;
    model.send({ do: "send", text: wellFormed(sent) });
  }

  function turn({ role, text, forgotten }) {
    const who = role === "user" ? "You" : model.get("name");
    return make("p", { class: `ll-turn ll-${role}${forgotten ? " ll-forgotten" : ""}` }, make("b", {}, who), " ", text);
  }

  function drawLog() {
    const turns = model.get("turns");
    const nothing = turns.length ? [] : [make("p", { class: "ll-faint" }, "Nothing said yet. Type below, and press Enter.")];
    log.replaceChildren(...nothing, ...turns.map(turn), ...(model.get("busy") ? [pending] : []));
    log.scrollTop = log.scrollHeight;
  }

  function drawAnswer() { // of every piece: only this one line is made anew
    pending.replaceChildren(make("b", {}, model.get("name")), " ", model.get("answer"), make("i", { class: "ll-caret" }));
    log.scrollTop = log.scrollHeight;
  }

  drawn.turns = drawLog;
  drawn.answer = drawAnswer;
  drawn.busy = () => {
    const busy = model.get("busy");
    if (busy && sent !== null && box.value === sent) box.value = "";
    sent = null;
    log.setAttribute("aria-busy", busy);
    send.disabled = reset.disabled = whom.querySelector("select").disabled = busy;
    stop.disabled = !busy;
    drawLog();
  };
  drawn.note = () => { note.textContent = model.get("note"); };
  drawn.system = () => { system.value = model.get("system"); };
  drawn.temperature = () => {
    heat.value = model.get("temperature");
    degrees.textContent = Number(heat.value) ? Number(heat.value).toFixed(1) : "0: greedy";
    heat.setAttribute("aria-valuetext", degrees.textContent);
  };
  drawn.raw = () => { raw.open = model.get("raw"); };
  drawn.tokens = () => {
    chips.replaceChildren(...model.get("tokens").map(({ piece, id, written }) => {
      const made = chip(piece, written ? "ll-new" : "");
      made.title = `${id}, ${written ? "written" : "read"}`;
      return made;
    }));
  };

  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask();
  });
  system.addEventListener("input", () => set("system", wellFormed(system.value)));
  heat.addEventListener("input", () => set("temperature", Number(heat.value)));
  raw.addEventListener("toggle", () => { if (raw.open !== model.get("raw")) set("raw", raw.open); });

  const warmth = make("div", { class: "ll-slider" }, labelled("Temperature", heat), degrees);
  const settings = make("div", { class: "ll-settings" }, whom, warmth, labelled("System line: how it shall behave", system));
  whom.hidden = model.get("names").length < 2;
  const write = make("div", { class: "ll-write" }, labelled("Your message (Enter sends it)", box), send, stop, reset);
  makeRoot(view, "ll-chat-box", note, settings, log, write, raw);
  for (const [trait, show] of Object.entries(drawn)) {
    model.on(`change:${trait}`, show);
    show();
  }
  model.on("change:name", drawLog);
}

export default { render };
