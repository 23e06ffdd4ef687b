// Clocks, and a curve of scores. Every number comes from Python; here it only becomes pixels.

// In units of which 14 are an em: the drawings grow with the text around them.
const CLOCK = { width: 78, height: 75, middle: 41, radius: 29, bar: 68 };
const CURVE = { width: 320, height: 186, left: 42, right: 10, top: 22, bottom: 38 };

// A clock for each pair of channels: two hands, a bar for its part of the score, and the pair's number.
function makeClocks(n) {
  const clocks = Array.from({ length: n }, (_, k) => makeClock(k));
  const box = make("div", { class: "ll-clocks", role: "img" });
  box.append(...clocks.map((clock) => clock.node));

  function draw(hands) {
    const most = Math.max(...hands.map((hand) => Math.abs(hand[4])), 1e-9);
    hands.forEach((hand, k) => clocks[k].draw(hand, most));
    const shares = hands.map((hand, k) => `pair ${k}: ${hand[4].toFixed(1)}`).join(", ");
    box.setAttribute("aria-label", `A clock for each of ${n} pairs. Their parts of the score: ${shares}.`);
  }

  return { box, draw };
}

function makeClock(k) {
  const { width, height, middle, radius, bar } = CLOCK;
  const high = radius + 2;
  const ring = svg("circle", { class: "ll-ring", cx: middle, cy: high, r: radius });
  const key = svg("line", { class: "ll-key-hand", x1: middle, y1: high });
  const query = svg("line", { class: "ll-query-hand", x1: middle, y1: high });
  const zero = svg("line", { class: "ll-ring", x1: middle, x2: middle, y1: bar - 7, y2: bar + 3 });
  const share = svg("rect", { y: bar - 5, height: 6 });
  const label = svg("text", { x: 0, y: 12 }, String(k));
  const title = svg("title");
  const node = svg("svg", { viewBox: `0 0 ${width} ${height}`, width: `${width / 14}em`, "aria-hidden": "true" }, title, ring, key, query, zero, share, label);

  function draw([x, y, otherX, otherY, part], most) {
    set(query, { x2: middle + radius * x, y2: high - radius * y });
    set(key, { x2: middle + radius * otherX, y2: high - radius * otherY });
    const long = (Math.abs(part) / most) * (width / 2 - 6);
    set(share, { class: part < 0 ? "ll-minus" : "ll-plus", x: part < 0 ? middle - long : middle, width: long });
    title.textContent = `pair ${k} adds ${part.toFixed(2)} to the score`;
  }

  return { node, draw };
}

// The score against distance: what it is now, solid, and what it would be as trained, dashed; a dot at the two tokens.
function makeCurve() {
  const { width, height, left, right, top, bottom } = CURVE;
  const zero = svg("line", { class: "ll-ring", x1: left, x2: width - right });
  const usual = svg("polyline", { class: "ll-usual" });
  const now = svg("polyline", { class: "ll-now" });
  const dot = svg("circle", { class: "ll-dot", r: 5 });
  const marks = svg("g");
  const name = svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "distance in tokens");
  const title = svg("text", { x: 4, y: 13 }, "score of these two vectors");
  const box = svg("svg", { viewBox: `0 0 ${width} ${height}`, width: `${width / 14}em`, role: "img" }, title, zero, usual, now, dot, marks, name);

  function draw({ now: scores, usual: trained, distance, low, high }) {
    const reach = trained.length - 1;
    const x = (d) => left + (d / reach) * (width - left - right);
    const y = (score) => top + ((high - score) / (high - low || 1)) * (height - top - bottom);
    const line = (values) => values.map((value, d) => `${x(d).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    usual.setAttribute("points", line(trained));
    now.setAttribute("points", line(scores));
    set(dot, { cx: x(distance), cy: y(scores[distance]) });
    set(zero, { y1: y(0), y2: y(0) });
    const side = [...new Set([high, 0, low])].map((score) =>
      svg("text", { x: left - 5, y: y(score) + 4, "text-anchor": "end" }, score.toFixed(1)));
    const below = [0, 50, 100, 150].filter((d) => d <= reach).map((d) =>
      svg("text", { x: x(d), y: height - bottom + 16, "text-anchor": "middle" }, String(d)));
    marks.replaceChildren(...side.filter((mark, k) => k === 0 || apart(mark, side[k - 1])), ...below);
    const ends = `${scores[0].toFixed(1)} at distance 0, ${scores.at(-1).toFixed(1)} at ${scores.length - 1}`;
    box.setAttribute("aria-label", `Score against distance: ${ends}; here, at ${distance}, ${scores[distance].toFixed(1)}.`);
  }

  return { box, draw };
}

function apart(one, other) {
  return Math.abs(one.getAttribute("y") - other.getAttribute("y")) > 13;
}
