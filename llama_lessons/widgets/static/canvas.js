// For views that draw on canvases: in which colours, and on how many pixels.

// The colours of a view, which change with the theme, and its em in pixels.
function readColours(root) {
  const style = getComputedStyle(root);
  const [blue, green, red, line] = ["blue", "green", "red", "line"].map((name) => style.getPropertyValue(`--ll-${name}`).trim());
  return { blue, green, red, line, text: style.color, font: style.getPropertyValue("--ll-code").trim(), em: parseFloat(style.fontSize) };
}

// A canvas, emptied, of a size in pixels of the page; it is not made anew if it has that size.
function fitCanvas(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) {
    [canvas.width, canvas.height] = [columns, rows];
    [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

// The bytes of a trait, which come as a view on a buffer of their own or of many.
function bytesOf(raw) {
  return new Uint8Array(raw.buffer ?? raw, raw.byteOffset ?? 0, raw.byteLength);
}
