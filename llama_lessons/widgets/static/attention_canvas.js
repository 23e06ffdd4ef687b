// Drawing of maps on canvases. A weight is a byte: 0 is nothing, 255 all of a token's attention.

const SHADE = Uint8Array.from({ length: 256 }, (_, weight) => Math.round(Math.sqrt(weight / 255) * 255)); // small ones show
const FORBIDDEN = pixel([128, 128, 128], 26); // the future, where nothing should be
const GAP = 5 / 14; // em between groups of heads that share keys and values

// A pixel as an ImageData keeps it: alpha, blue, green, red, from the highest byte to the lowest.
function pixel([red, green, blue], alpha) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

// The weight that token `query` gives to token `key`. A map up to the diagonal has T(T+1)/2 bytes, a whole one T*T.
function weightAt(bytes, n, query, key) {
  if (bytes.length === n * n) return bytes[query * n + key];
  return key > query ? 0 : bytes[(query * (query + 1)) / 2 + key];
}

function percent(weight) {
  return `${Math.round(weight / 2.55)} %`;
}

// The colours of a view for maps, the same object until the theme changes: of each kind of weight (read at once, one by
// one, on the future) the colour as [r, g, b], and the pixel of each byte.
function mapColours(root, old = null) {
  const { blue, green, red, text, font, em } = readColours(root);
  const key = [blue, green, red, text, font, em].join();
  if (old?.key === key) return old;
  const kinds = [blue, green, red].map((colour) => [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16)));
  const shades = kinds.map((colour) => Uint32Array.from(SHADE, (alpha) => pixel(colour, alpha)));
  return { key, kinds, shades, line: text, font: `${em}px ${font}`, em };
}

// Pixels of one map, one per weight; rows after `shown` are empty.
function paintMap(bytes, n, nPrompt, shown, { shades }) {
  const image = new ImageData(n, n);
  const pixels = new Uint32Array(image.data.buffer);
  const whole = bytes.length === n * n;
  for (let query = 0; query < shown; query++) {
    const row = whole ? query * n : (query * (query + 1)) / 2;
    const at = query * n;
    const past = shades[query < nPrompt ? 0 : 1];
    for (let key = 0; key <= query; key++) pixels[at + key] = past[bytes[row + key]];
    pixels.fill(FORBIDDEN, at + query + 1, at + n);
    if (!whole) continue;
    for (let key = query + 1; key < n; key++) if (bytes[row + key]) pixels[at + key] = shades[2][bytes[row + key]];
  }
  return image;
}

function toCanvas(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Where a map of n tokens lies on a canvas `size` pixels wide, with room for words; one token in `every` has its word there.
function mapPlace(n, size, em) {
  const margin = 6 * em;
  const cell = (size - margin - 4) / n;
  return { margin, side: size - margin - 4, cell, every: Math.ceil((1.05 * em) / cell) };
}

// The weights and words of a map; what a reader points at is drawn on another canvas, above this one.
function drawMap(canvas, run, bytes, shown, size, colours) {
  const n = run.pieces.length;
  const { margin, side, cell, every } = mapPlace(n, size, colours.em);
  const pen = fitCanvas(canvas, size, size);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(toCanvas(paintMap(bytes, n, run.n_prompt, shown, colours)), margin, margin, side, side);
  pen.strokeStyle = colours.line;
  pen.fillStyle = colours.line;
  writeWords(pen, run.pieces.slice(0, shown), { margin, cell, every }, colours);
  if (run.n_prompt >= shown) return;
  pen.setLineDash([3, 3]);
  pen.strokeRect(margin, margin + run.n_prompt * cell, side, 0);
  pen.setLineDash([]);
}

function drawChoice(canvas, run, view, size, colours) {
  const { margin, side, cell } = mapPlace(run.pieces.length, size, colours.em);
  const pen = fitCanvas(canvas, size, size);
  pen.strokeStyle = colours.line;
  if (view.token < view.shown) {
    const along = margin + view.token * cell - 0.5;
    if (view.column) pen.strokeRect(along, margin - 0.5, cell + 1, view.shown * cell + 1);
    else pen.strokeRect(margin - 0.5, along, side + 1, cell + 1);
  }
  if (view.cell) pen.strokeRect(margin + view.cell[1] * cell - 2, margin + view.cell[0] * cell - 2, cell + 4, cell + 4);
}

function writeWords(pen, pieces, { margin, cell, every }, colours) {
  pen.font = colours.font;
  const shortest = margin - 8;
  pieces.map((piece) => fitted(pen, piece, shortest)).forEach((piece, k) => {
    if (k % every) return;
    const middle = margin + (k + 0.5) * cell;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillText(piece, margin - 5, middle);
    pen.save();
    pen.translate(middle, margin - 5);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "left";
    pen.fillText(piece, 0, 0);
    pen.restore();
  });
}

// A word, or its beginning and an ellipsis where it is too long; all of it stands in the row of words.
function fitted(pen, word, room) {
  if (pen.measureText(word).width <= room) return word;
  let end = word.length - 1;
  while (end > 1 && pen.measureText(`${word.slice(0, end)}…`).width > room) end--;
  return `${word.slice(0, end)}…`;
}

// Where the thumbnail of a head stands; heads that share keys and values stand together.
function thumbPlaces(shape, em, room) {
  const size = shape.heads / shape.groups;
  const gap = size > 1 ? GAP * em : 0;
  const left = (22 / 14) * em;
  const top = size > 1 ? (20 / 14) * em : 4;
  const [wide, high] = [Math.min(18 * em, room) - left - 2 - (shape.groups - 1) * gap, 16 * em];
  const tile = Math.max(6, Math.floor(Math.min(3 * em, wide / shape.heads, high / shape.layers)));
  const x = (head) => left + head * tile + (size > 1 ? Math.floor(head / size) * gap : 0);
  const y = (layer) => top + layer * tile;
  return { tile, x, y, size, em, width: x(shape.heads - 1) + tile + 2, height: y(shape.layers) + 2 };
}

// Pixels of all thumbnails, each in its place: a row for each layer, a column for each head.
function paintThumbs({ side, bytes }, { layers, heads }, shades) {
  const image = new ImageData(side * heads, side * layers);
  const pixels = new Uint32Array(image.data.buffer);
  for (let k = 0; k < bytes.length; k++) {
    const tile = Math.floor(k / side ** 2);
    const row = Math.floor(tile / heads) * side + Math.floor((k % side ** 2) / side);
    pixels[row * image.width + (tile % heads) * side + (k % side)] = shades[bytes[k]];
  }
  return image;
}

function drawThumbs(canvas, shape, thumbs, places, colours) {
  const pen = fitCanvas(canvas, places.width, places.height);
  const { side } = thumbs;
  const all = toCanvas(paintThumbs(thumbs, shape, colours.shades[0]));
  const { tile, x, y } = places;
  pen.imageSmoothingEnabled = true;
  pen.strokeStyle = colours.line;
  pen.fillStyle = colours.line;
  pen.font = colours.font;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (let layer = 0; layer < shape.layers; layer++) {
    if (layer % Math.ceil(places.em / tile) === 0) pen.fillText(String(layer), 4, y(layer) + tile / 2);
    for (let head = 0; head < shape.heads; head++) {
      pen.drawImage(all, head * side, layer * side, side, side, x(head), y(layer), tile - 1, tile - 1);
    }
  }
  if (tile > 11) drawGrid(pen, shape, places);
  if (places.size > 1) drawGroups(pen, shape, places);
}

function drawGrid(pen, shape, { tile, x, y }) {
  pen.globalAlpha = 0.3;
  for (let layer = 0; layer < shape.layers; layer++) {
    for (let head = 0; head < shape.heads; head++) pen.strokeRect(x(head) - 0.5, y(layer) - 0.5, tile, tile);
  }
  pen.globalAlpha = 1;
}

function drawGroups(pen, shape, places) {
  pen.textAlign = "center";
  for (let group = 0; group < shape.groups; group++) {
    const from = places.x(group * places.size);
    const to = places.x((group + 1) * places.size - 1) + places.tile - 2;
    pen.beginPath();
    const [low, high] = [places.y(0) - 2, places.y(0) - 5];
    pen.moveTo(from, low);
    pen.lineTo(from, high);
    pen.lineTo(to, high);
    pen.lineTo(to, low);
    pen.stroke();
    const name = [`kv ${group}`, String(group)].find((text) => pen.measureText(text).width < to - from);
    if (name) pen.fillText(name, (from + to) / 2, places.em / 2);
  }
}
