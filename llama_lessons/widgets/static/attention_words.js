// A text as a row of tokens, with lines from one of them to those that it looks at.

const FAINTEST = 5; // weights below 2 % get no line
const MOST_LINES = 48;

function makeWords(choose, preview) {
  const lines = svg("svg", { "aria-hidden": "true" });
  const row = make("div", { class: "ll-row", role: "group", "aria-label": "Tokens: move with the arrow keys" });
  const box = make("div", { class: "ll-text" }, row, lines);
  let chips = [];
  let [looks, unread] = [[], []]; // how the chips look now
  let pressed = null;
  let revealed = null;
  let places = null; // where the chips stand; measured once, not on every line that is drawn

  function rebuild(run) {
    chips = run.pieces.map((piece, k) => {
      const name = `token ${k} of ${run.pieces.length}: ${piece}`;
      const kind = k < run.n_prompt ? "" : "ll-written";
      return control("button", { class: kind, tabindex: -1, "data-k": k, "aria-pressed": "false", "aria-label": name }, piece);
    });
    row.replaceChildren(...chips);
    [looks, unread] = [[], []];
    pressed = places = null;
  }

  function press(token) {
    if (token === pressed) return;
    chips[pressed]?.setAttribute("aria-pressed", "false");
    chips[token]?.setAttribute("aria-pressed", "true");
    if (chips[pressed]) chips[pressed].tabIndex = -1;
    if (chips[token]) chips[token].tabIndex = 0;
    pressed = token;
  }

  function measure() {
    places = chips.map((chip) => [chip.offsetLeft + chip.offsetWidth / 2, chip.offsetTop, chip.offsetHeight]);
    lines.setAttribute("width", row.scrollWidth);
    lines.setAttribute("height", row.scrollHeight);
  }

  // Shade the tokens by `weights` and join them to `token`; tokens from `shown` on have not been read yet.
  function draw(weights, token, shown, colours) {
    if (!places) measure();
    chips.forEach((chip, k) => {
      const look = `--w: ${(weights[k] / 255).toFixed(2)}; --hue: rgb(${colours[k]})`;
      if (looks[k] !== look) chip.style.cssText = looks[k] = look; // most tokens look as before
      if (unread[k] !== k >= shown) chip.classList.toggle("ll-unread", (unread[k] = k >= shown));
    });
    press(token);
    if (token >= chips.length) return lines.replaceChildren();
    const strong = [...weights.keys()].filter((k) => weights[k] >= FAINTEST && k !== token);
    strong.sort((a, b) => weights[b] - weights[a]);
    lines.replaceChildren(...strong.slice(0, MOST_LINES).map((k) => line(places[token], places[k], weights[k], colours[k])));
  }

  function reveal(token) { // a long text scrolls; what was chosen should be in view
    if (token === revealed || !places[token]) return;
    revealed = token;
    const [, top, height] = places[token];
    if (top < box.scrollTop + height) box.scrollTop = top - 2 * height;
    else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * height - box.clientHeight;
  }

  row.addEventListener("mouseover", (event) => {
    const chip = event.target.closest("button");
    if (chip) preview(Number(chip.dataset.k));
  });
  row.addEventListener("mouseleave", () => preview(null));
  row.addEventListener("click", (event) => {
    const chip = event.target.closest("button");
    if (chip) choose(Number(chip.dataset.k));
  });
  row.addEventListener("keydown", (event) => {
    const here = chips.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const there = event.key === "Home" ? 0 : event.key === "End" ? chips.length - 1 : here + (steps[event.key] ?? NaN);
    if (!chips[there]) return;
    event.preventDefault();
    choose(there);
    chips[there].focus();
  });
  const watch = new ResizeObserver(() => {
    places = revealed = null;
    box.dispatchEvent(new Event("moved"));
  });
  watch.observe(row);
  return { box, rebuild, draw, reveal, stop: () => watch.disconnect() };
}

function line([fromX, fromY], [toX, toY, height], weight, colour) {
  const sameRow = Math.abs(fromY - toY) < height;
  const rise = Math.min(24, 9 + Math.abs(fromX - toX) / 14);
  const above = toY < fromY;
  const end = sameRow || !above ? toY : toY + height;
  const bend = sameRow ? [fromX, fromY - rise, toX, toY - rise] : [fromX, fromY - 24, toX, end + (above ? 24 : -24)];
  return svg("path", {
    d: `M ${fromX} ${fromY} C ${bend.join(" ")} ${toX} ${end}`,
    stroke: `rgb(${colour})`,
    "stroke-width": (1 + weight / 45).toFixed(1),
    opacity: (0.35 + (0.65 * weight) / 255).toFixed(2),
  });
}
