// The maps that have come, the oldest forgotten first, and the wishes that are on their way. A map that is wanted comes
// alone, so that it comes soon; its neighbours follow together, since JupyterLab draws its tool bar anew for each message.

const KEEP = 16e6; // bytes of maps kept, so that going back is quick
const AHEAD = 100e3; // bytes of neighbours in one message
const QUIET = 100; // milliseconds without a step, after which the neighbours are fetched

function makeStore(model) {
  const kept = new Map();
  const asked = new Set();
  let size = 0;
  let timer = null;

  function ask(places) {
    const fresh = places.filter((place) => !asked.has(String(place)));
    if (!fresh.length) return;
    fresh.forEach((place) => asked.add(String(place)));
    model.send({ maps: fresh });
  }

  // Make sure of one map of each run, now, and of its neighbours, soon.
  function want(runs, layer, head, shape) {
    clearTimeout(timer);
    const here = runs.map((run, k) => [k, layer, head]);
    if (here.some(missing)) return ask(here);
    timer = setTimeout(() => runs.forEach((run, k) => {
      const cheap = Math.floor(AHEAD / (run.pieces.length ** 2 / 2));
      const near = around(layer, head, shape, cheap).map((place) => [k, ...place]);
      if (near.slice(0, 4).some(missing)) ask(near);
    }), QUIET);
  }

  function missing(place) {
    return !kept.has(String(place));
  }

  function wantThumbs(run) {
    if (asked.has(`thumbs ${run}`)) return;
    asked.add(`thumbs ${run}`);
    model.send({ thumbs: run });
  }

  function put(place, bytes) {
    kept.set(String(place), bytes);
    size += bytes.length;
    for (const [name, old] of kept) {
      if (size <= KEEP || old === bytes) break;
      kept.delete(name);
      asked.delete(name);
      size -= old.length;
    }
  }

  function clear() {
    clearTimeout(timer);
    kept.clear();
    asked.clear();
    size = 0;
  }

  return { get: (...place) => kept.get(String(place)), want, wantThumbs, put, clear };
}

// The `many` maps nearest to one in its row and its column, the nearest first.
function around(layer, head, { layers, heads }, many) {
  const found = [];
  for (let far = 1; far < Math.max(layers, heads) && found.length < many; far++) {
    for (const [down, right] of Object.values(STEPS)) {
      const [l, h] = [layer + far * down, head + far * right];
      if (l >= 0 && l < layers && h >= 0 && h < heads) found.push([l, h]);
    }
  }
  return found.slice(0, many);
}
