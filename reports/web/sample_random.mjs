// A small seeded generator for samples: mulberry32 by Tommy Ettinger (2017), public domain.
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  /** Roughly normal: the sum of twelve, less six (Irwin and Hall). */
  const normal = () => {
    let sum = -6;
    for (let i = 0; i < 12; i += 1) sum += next();
    return sum;
  };
  return { next, normal, pick: (list) => list[Math.floor(next() * list.length)], below: (n) => Math.floor(next() * n) };
}

export const round = (value, digits) => Number(value.toFixed(digits));
