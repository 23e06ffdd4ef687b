// One prediction to write and to judge, and how the judged ones came out; what is counted, Python counts.

const WIDE = 320, HIGH = 220, EDGE = 44; // of the drawing, in its own units

function render(view) {
  const { model } = view;
  const number = control("input", { type: "range", min: 1, step: 1 });
  const sure = control("input", { type: "range", min: 50, max: 100, step: 10 });
  const which = labelled("", number), how = labelled("", sure);
  const question = make("p", { class: "ll-question" });
  const box = textBox(model, "answer", "textarea", { rows: 3, maxlength: model.get("limits").text });
  const verdicts = ["", "right", "wrong"].map((value) => judge(model, value));
  const note = make("p", { class: "ll-note", role: "status" });
  const picture = make("div", { class: "ll-picture" });

  function send(trait, value) {
    model.set(trait, value);
    model.save_changes();
  }
  number.addEventListener("input", () => send("number", Number(number.value)));
  sure.addEventListener("input", () => send("sure", Number(sure.value)));

  function draw() {
    number.max = model.get("n");
    number.value = model.get("number");
    sure.value = model.get("sure");
    which.firstChild.textContent = `Prediction ${model.get("number")} of ${model.get("n")}`;
    how.firstChild.textContent = `How sure: ${model.get("sure")} %`;
    question.textContent = model.get("question");
    note.textContent = model.get("note");
    for (const button of verdicts) button.setAttribute("aria-pressed", button.dataset.value === model.get("outcome"));
    picture.replaceChildren(calibration(model.get("bands")));
  }

  for (const trait of ["n", "number", "question", "sure", "outcome", "bands", "note"]) model.on(`change:${trait}`, draw);
  const controls = [menu(model, "lesson", "Lesson", "lessons"), which, note];
  const page = [question, labelled("You predict", box), how,
    make("div", { class: "ll-verdicts", role: "group", "aria-label": "How it came out" }, ...verdicts), picture];
  makeRoot(view, "ll-ledger", beside(controls, page));
  draw();
}

function judge(model, value) {
  const button = press({ "": "Not judged yet", right: "It came out right", wrong: "It came out wrong" }[value], () => {
    model.set("outcome", value);
    model.save_changes();
  });
  button.dataset.value = value;
  return button;
}

// How sure against how often right; on the diagonal lies who knows how much they know.
function calibration(bands) {
  const x = (sure) => EDGE + ((sure - 45) / 60) * (WIDE - EDGE), y = (share) => (1 - share) * (HIGH - 40) + 10;
  const words = bands.map(({ sure, share, n }) => `${sure} %: ${Math.round(100 * share)} % right of ${n}`).join("; ");
  const said = bands.length ? `How sure, and how often right. ${words}.` : "How sure, and how often right: nothing judged yet.";
  const parts = [svg("line", { class: "ll-diagonal", x1: x(50), y1: y(0.5), x2: x(100), y2: y(1) })];
  for (const sure of [50, 60, 70, 80, 90, 100]) parts.push(caption(x(sure), HIGH - 12, `${sure}`, "middle"));
  for (const share of [0, 0.5, 1]) parts.push(caption(EDGE - 6, y(share) + 5, `${100 * share}`, "end"));
  for (const { sure, share, low, high, n } of bands) {
    parts.push(svg("line", { class: "ll-interval", x1: x(sure), y1: y(low), x2: x(sure), y2: y(high) }));
    parts.push(svg("circle", { class: "ll-share", cx: x(sure), cy: y(share), r: 3 + Math.min(6, Math.sqrt(n)) }));
  }
  const drawing = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": said }, ...parts);
  const legend = "Across: how sure you were, in %. Upwards: how many came out right, in %, with 95 % intervals.";
  return make("figure", {}, drawing, make("figcaption", {}, legend));
}

function caption(x, y, text, anchor) {
  return svg("text", { x, y, "text-anchor": anchor }, text);
}

export default { render };
