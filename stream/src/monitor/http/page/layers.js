// The layout of a graph in layers: everything stands to the right of all that
// it reads from, and arrows that pass a layer by have a lane in it.

/**
 * Places operators, which have a `name` and the names of their `inputs`. Gives
 * the places `{ x, y }` in their order, the edges `{ from, to, points }`, and
 * the width and height of it all.
 */
export function arrange(operators, { width, height, across, down, lane }) {
  const index = new Map(operators.map((operator, i) => [operator.name, i]));
  const inputs = operators.map((operator, i) => {
    const known = (operator.inputs ?? []).map((name) => index.get(name));
    return [...new Set(known)].filter((at) => at !== undefined && at !== i);
  });
  const depth = depths(inputs);
  // What stands in the layers: operators, and lanes for arrows that pass by.
  const slots = operators.map((_, i) => ({ depth: depth[i], size: height, before: [], after: [] }));
  const edges = inputs.flatMap((from, to) => from.map((it) => ({ from: it, to, path: [it] })));
  for (const edge of edges) {
    for (let at = depth[edge.from] + 1; at < depth[edge.to]; at += 1) {
      edge.path.push(slots.push({ depth: at, size: lane, before: [], after: [] }) - 1);
    }
    edge.path.push(edge.to);
    edge.path.slice(1).forEach((to, i) => {
      slots[edge.path[i]].after.push(to);
      slots[to].before.push(edge.path[i]);
    });
  }
  const layers = ordered(slots);
  const length = (layer) => layer.reduce((sum, at) => sum + slots[at].size + down, -down);
  const tallest = Math.max(...layers.map(length), height);
  for (const layer of layers) {
    let y = (tallest - length(layer)) / 2;
    for (const at of layer) {
      slots[at].y = y;
      y += slots[at].size + down;
    }
  }
  const left = (slot) => slot.depth * (width + across);
  const middle = (slot) => slot.y + slot.size / 2;
  const points = ({ path }) => path.flatMap((at, i) => {
    const slot = slots[at];
    const ends = [[left(slot), middle(slot)], [left(slot) + width, middle(slot)]];
    if (i === 0) return ends.slice(1);
    return i === path.length - 1 ? ends.slice(0, 1) : ends;
  });
  return {
    places: operators.map((_, i) => ({ x: left(slots[i]), y: slots[i].y })),
    edges: edges.map((edge) => ({ from: edge.from, to: edge.to, points: points(edge) })),
    width: layers.length * (width + across) - across,
    height: tallest,
  };
}

/** The longest way to each from what reads nothing; a circle is cut somewhere. */
function depths(inputs) {
  const depth = inputs.map(() => 0);
  for (let round = 0, moved = true; moved && round < inputs.length; round += 1) {
    moved = false;
    inputs.forEach((from, to) => {
      const least = from.reduce((most, it) => Math.max(most, depth[it] + 1), 0);
      if (least > depth[to] && least < inputs.length) {
        depth[to] = least;
        moved = true;
      }
    });
  }
  return depth;
}

/** The layers, each in an order in which few arrows cross: near what it reads, and what reads it. */
function ordered(slots) {
  const layers = Array.from({ length: Math.max(0, ...slots.map((slot) => slot.depth)) + 1 }, () => []);
  slots.forEach((slot, i) => layers[slot.depth].push(i));
  const rank = new Map();
  const note = (layer) => layer.forEach((at, i) => rank.set(at, (i + 0.5) / layer.length));
  layers.forEach(note);
  const sweep = (layer, side) => {
    const mean = (at) => {
      const near = slots[at][side];
      return near.length === 0 ? rank.get(at) : near.reduce((sum, it) => sum + rank.get(it), 0) / near.length;
    };
    const wanted = new Map(layer.map((at) => [at, mean(at)]));
    layer.sort((a, b) => wanted.get(a) - wanted.get(b));
    note(layer);
  };
  for (let round = 0; round < 4; round += 1) {
    for (const layer of layers) sweep(layer, "before");
    for (const layer of layers.toReversed()) sweep(layer, "after");
  }
  return layers;
}
