// The places of a cache on a canvas: a row for each layer and key-value head, a column for each place. Keys fill the upper
// half of a cell and values the lower one; a longer vector is drawn darker. All numbers come from Python.

const WORDS = 6; // em above the rows, for the words that lie in the places
const NAMES = 7.6; // em to the left of them, for layers and heads

function cellPlaces(rows, capacity, width, em) {
  const [left, above] = [NAMES * em, WORDS * em];
  const column = Math.max(5, Math.min(1.6 * em, (width - left - 2) / capacity));
  const height = Math.floor(rows.length <= 24 ? em : 0.55 * em);
  const gaps = (k) => 4 * rows.slice(0, k + 1).filter((row, i) => i && row.layer !== rows[i - 1].layer).length;
  const tops = rows.map((_, k) => above + k * height + gaps(k));
  const every = Math.ceil((1.05 * em) / column); // one place in `every` has its word above it
  return { left, above, column, every, height, tops, width: left + capacity * column + 2, bottom: tops.at(-1) + height + 4 };
}

// shown: { rows, pieces, capacity, frame, bytes (rows x 2 x capacity), cursor: [row, place] or null }
function drawCache(canvas, shown, width, colours) {
  const at = cellPlaces(shown.rows, shown.capacity, width, colours.em);
  const pen = fitCanvas(canvas, at.width, at.bottom);
  nameRows(pen, shown.rows, at, colours);
  for (let row = 0; row < shown.rows.length; row++) {
    for (let place = 0; place < shown.capacity; place++) drawCell(pen, shown, row, place, at, colours);
  }
  pen.globalAlpha = 1;
  if (shown.frame) {
    nameWords(pen, shown, at, colours);
    for (const [start, n] of shown.frame.spans) outline(pen, start, n, at, colours.red);
    drawEnd(pen, shown.frame.filled, at, colours);
  }
  if (shown.cursor) {
    const [row, place] = shown.cursor;
    pen.strokeStyle = colours.text;
    pen.lineWidth = 2;
    pen.strokeRect(at.left + place * at.column, at.tops[row], at.column - 1, at.height - 1);
  }
  return at;
}

function drawCell(pen, shown, row, place, at, colours) {
  const [left, top, half] = [at.left + place * at.column, at.tops[row], (at.height - 2) / 2];
  const read = shown.frame && place < shown.frame.filled;
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.line;
  pen.lineWidth = 0.5;
  pen.strokeRect(left + 0.5, top + 0.5, at.column - 2, at.height - 2.5);
  if (!shown.frame) return;
  for (const [part, paint] of [colours.blue, colours.green].entries()) {
    const shade = shown.bytes[(row * 2 + part) * shown.capacity + place];
    pen.globalAlpha = (shade / 255) * (read ? 1 : 0.3);
    pen.fillStyle = paint;
    pen.fillRect(left + 1, top + 0.5 + part * half, at.column - 2.5, half);
  }
}

function nameRows(pen, rows, at, colours) {
  pen.fillStyle = colours.text;
  pen.font = `${colours.em}px ${colours.font}`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  let named = -Infinity;
  rows.forEach((row, k) => {
    const middle = at.tops[k] + at.height / 2;
    if ((!k || row.layer !== rows[k - 1].layer) && middle - named >= colours.em) pen.fillText(`layer ${row.layer}`, 0, (named = middle));
    if (row.group >= 0 && at.height >= colours.em) pen.fillText(`kv ${row.group}`, 4.8 * colours.em, middle);
  });
}

function nameWords(pen, { frame, pieces }, at, colours) {
  pen.textAlign = "left";
  const first = Math.min(...frame.written); // of what is new in this step: it always has its word
  frame.places.forEach((token, place) => {
    const fresh = frame.written.includes(place);
    const near = first !== place && Math.abs(first - place) < at.every;
    if (token < 0 || (place !== first && (near || place % at.every))) return;
    pen.save();
    pen.globalAlpha = place < frame.filled ? 1 : 0.4;
    pen.translate(at.left + (place + 0.5) * at.column, at.above - 5);
    pen.rotate(-Math.PI / 2);
    pen.font = `${fresh ? "bold " : ""}${colours.em}px ${colours.font}`;
    pen.fillStyle = colours.text;
    const word = (pieces[token] ?? "").replace(/^▁(?=.)/, ""); // written upright, the mark would look like a stroke
    pen.fillText(word.length > 9 ? `${word.slice(0, 8)}…` : word, 0, 0);
    pen.restore();
  });
}

function outline(pen, start, n, at, paint) {
  pen.strokeStyle = paint;
  pen.lineWidth = 2;
  pen.strokeRect(at.left + start * at.column - 0.5, at.above - 2, n * at.column, at.bottom - at.above);
}

function drawEnd(pen, filled, at, colours) {
  pen.fillStyle = colours.text;
  pen.fillRect(at.left + filled * at.column - 0.5, at.above - colours.em, 1.5, at.bottom - at.above + colours.em);
}

// The row and place under a point of the canvas, or null.
function cellUnder(x, y, { rows, capacity, at }) {
  const place = Math.floor((x - at.left) / at.column);
  const row = at.tops.findIndex((top) => y >= top && y < top + at.height);
  return row >= 0 && place >= 0 && place < capacity ? [row, place] : null;
}
