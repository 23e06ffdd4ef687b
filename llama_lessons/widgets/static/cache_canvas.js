// The places of a cache on a canvas: a row for each layer and key-value head, a column for each place. Keys fill the upper
// half of a cell and values the lower one; a longer vector is drawn darker. All numbers come from Python.

const WORDS = 88; // pixels above the rows, for the words that lie in the places
const NAMES = 92; // pixels to the left of them, for layers and heads
const LAYER_GAP = 5;

function cellPlaces(rows, capacity, width) {
  const column = Math.max(5, Math.min(22, (width - NAMES - 2) / capacity));
  const height = rows.length <= 24 ? 13 : 8;
  const gaps = (k) => LAYER_GAP * rows.slice(0, k + 1).filter((row, i) => i && row.layer !== rows[i - 1].layer).length;
  const tops = rows.map((_, k) => WORDS + k * height + gaps(k));
  return { column, height, tops, width: NAMES + capacity * column + 2, bottom: tops.at(-1) + height + 4 };
}

// shown: { rows, pieces, capacity, frame, bytes (rows x 2 x capacity), cursor: [row, place] or null }
function drawCache(canvas, shown, width, colours) {
  const at = cellPlaces(shown.rows, shown.capacity, width);
  const pen = fitCanvas(canvas, at.width, at.bottom);
  nameRows(pen, shown.rows, at, colours);
  for (let row = 0; row < shown.rows.length; row++) {
    for (let place = 0; place < shown.capacity; place++) drawCell(pen, shown, row, place, at, colours);
  }
  pen.globalAlpha = 1;
  if (shown.frame) {
    nameWords(pen, shown, at, colours);
    for (const [start, n] of shown.frame.spans) outline(pen, start, n, at, colours.red);
    drawEnd(pen, shown.frame.filled, at, colours.text);
  }
  if (shown.cursor) {
    const [row, place] = shown.cursor;
    pen.strokeStyle = colours.text;
    pen.lineWidth = 2;
    pen.strokeRect(NAMES + place * at.column, at.tops[row], at.column - 1, at.height - 1);
  }
  return at;
}

function drawCell(pen, shown, row, place, at, colours) {
  const [left, top, half] = [NAMES + place * at.column, at.tops[row], (at.height - 2) / 2];
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
  pen.font = `11px ${colours.font}`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  rows.forEach((row, k) => {
    const middle = at.tops[k] + at.height / 2;
    if (!k || row.layer !== rows[k - 1].layer) pen.fillText(`layer ${row.layer}`, 0, middle);
    if (row.group >= 0 && at.height > 12) pen.fillText(`kv ${row.group}`, 58, middle);
  });
}

function nameWords(pen, { frame, pieces }, at, colours) {
  pen.textAlign = "left";
  frame.places.forEach((token, place) => {
    if (token < 0) return;
    const fresh = frame.written.includes(place);
    pen.save();
    pen.globalAlpha = place < frame.filled ? 1 : 0.4;
    pen.translate(NAMES + (place + 0.5) * at.column, WORDS - 5);
    pen.rotate(-Math.PI / 2);
    pen.font = `${fresh ? "bold " : ""}${Math.min(12, Math.max(8, at.column + 1))}px ${colours.font}`;
    pen.fillStyle = colours.text;
    const word = (pieces[token] ?? "").replace(/^▁(?=.)/, ""); // written upright, the mark would look like a stroke
    pen.fillText(word.length > 11 ? `${word.slice(0, 10)}…` : word, 0, 0);
    pen.restore();
  });
}

function outline(pen, start, n, at, paint) {
  pen.strokeStyle = paint;
  pen.lineWidth = 2;
  pen.strokeRect(NAMES + start * at.column - 0.5, WORDS - 2, n * at.column, at.bottom - WORDS);
}

function drawEnd(pen, filled, at, paint) {
  pen.fillStyle = paint;
  pen.fillRect(NAMES + filled * at.column - 0.5, WORDS - 14, 1.5, at.bottom - WORDS + 14);
}

// The row and place under a point of the canvas, or null.
function cellUnder(x, y, rows, capacity, width) {
  const at = cellPlaces(rows, capacity, width);
  const place = Math.floor((x - NAMES) / at.column);
  const row = at.tops.findIndex((top) => y >= top && y < top + at.height);
  return row >= 0 && place >= 0 && place < capacity ? [row, place] : null;
}
