"""What tests read off views in a browser: JavaScript that is given one view's root, or the roots of all on a page."""

from __future__ import annotations

# What a view looks like: a line for each node that is drawn, with its place, size and style, and a canvas's pixels.
LOOK = """root => {
  const said = ['color', 'background', 'border', 'font', 'textAlign', 'textDecoration', 'whiteSpace', 'opacity',
    'padding', 'margin', 'display', 'gap', 'stroke', 'strokeWidth', 'strokeDasharray', 'fill', 'boxShadow', 'cursor'];
  const hash = text => [...text].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) | 0, 0);
  const of = (style, names) => names.map(name => `${name}: ${style[name]}`);
  const { x, y } = root.getBoundingClientRect();
  return [root, ...root.querySelectorAll('*')].filter(node => node.getClientRects().length).map(node => {
    const box = node.getBoundingClientRect();
    const place = [box.x - x, box.y - y, box.width, box.height].map(value => value.toFixed(1));
    const pixels = node.localName === 'canvas' ? hash(node.toDataURL()) : '';
    return [node.localName, node.getAttribute('class'), ...place, node.scrollLeft, pixels,
      ...of(getComputedStyle(node), said), ...of(getComputedStyle(node, '::before'), ['content', 'background'])];
  }).map(line => line.join(' | '));
}"""
SAYS = "roots => roots.map(root => getComputedStyle(root, '::before').content)"  # above each view

# How a view fits: its height in pixels; text that is smaller than 14 pixels, controls and menus too; what sticks out of
# its sides, unless it lies in a box that scrolls; and text whose contrast to its ground is less than 4.5, with how much
# it has. That is the floor of WCAG 2.1, success criterion 1.4.3, and the contrast is computed as it says.
FIT = """root => {
  const box = root.getBoundingClientRect();
  const drawn = node => node.getClientRects().length || node.localName === 'option';
  const nodes = [root, ...root.querySelectorAll('*')].filter(drawn);
  const said = nodes.filter(node => [...node.childNodes].some(part => part.nodeType === 3 && part.data.trim()));
  const typed = nodes.filter(node => ['input', 'textarea', 'select'].includes(node.localName));
  const name = node => `${node.localName} ${(node.textContent || node.value || '').slice(0, 30)}`;
  const scale = node => node.ownerSVGElement?.getScreenCTM().a ?? 1;
  const small = node => parseFloat(getComputedStyle(node).fontSize) * scale(node) < 13.95;
  const out = node => {
    const { left, right } = node.getBoundingClientRect();
    if (node.closest('.ll-scrolls') || node.localName === 'option') return false;
    return right > box.right + 1 || left < box.left - 1;
  };
  const parts = colour => {
    const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [...[red, green, blue].map(part => (colour.startsWith('color(') ? part : part / 255)), alpha];
  };
  const over = (colour, below) => below.map((part, k) => colour[3] * colour[k] + (1 - colour[3]) * part);
  const ground = node => {
    const own = parts(getComputedStyle(node).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, node.parentElement ? ground(node.parentElement) : [1, 1, 1]);
  };
  const linear = part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const contrast = node => {
    const below = ground(node);
    const text = over(parts(getComputedStyle(node)[node.ownerSVGElement ? 'fill' : 'color']), below);
    const [dark, bright] = [light(text), light(below)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const faint = said.filter(node => !node.closest(':disabled') && contrast(node) < 4.5);
  return {
    height: box.height,
    small: [...said, ...typed].filter(small).map(name),
    out: nodes.filter(out).map(name),
    faint: faint.map(node => `${name(node)}: ${contrast(node).toFixed(2)}`),
  };
}"""

# What all boxes, menus and sliders of a view stand at; and a change of one of them, as a reader would make it.
STANDS_AT = """root => [...root.querySelectorAll('input, select, textarea')]
  .map(one => one.type === 'radio' ? one.checked : one.value)"""
CHANGE = """root => {
  const able = kind => [...root.querySelectorAll(kind)].filter(one => !one.disabled && one.getClientRects().length);
  const slider = able('input[type=range]').find(one => one.max !== one.min);
  const list = able('select').find(one => one.options.length > 1);
  const choice = able('input[type=radio]').find(one => !one.checked);
  const one = slider ?? list ?? choice ?? able('input[type=text], textarea')[0];
  if (one === choice) return one.click();
  if (one === slider) one.value = one.value === one.max ? one.min : one.max;
  else if (one === list) one.selectedIndex = one.options.length - 1;
  else one.value += ' and more';
  for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind, { bubbles: true }));
}"""
FILLS = """root => document.fullscreenElement === root
  && root.clientWidth === innerWidth && root.clientHeight === innerHeight"""

# Boxes that hide a part of what is in them; texts that are smaller than 14 pixels.
CUT = """root => [root, ...root.querySelectorAll('*')]
  .filter(node => node.clientWidth && node.scrollWidth > node.clientWidth + 1)
  .filter(node => getComputedStyle(node).overflow !== 'visible').map(node => node.className)"""
SMALL = """root => [...root.querySelectorAll('*')].filter(node => !node.children.length && node.textContent)
  .filter(node => parseFloat(getComputedStyle(node).fontSize) < 14).map(node => node.textContent)"""
