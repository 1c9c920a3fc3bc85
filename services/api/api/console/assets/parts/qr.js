// Text as a QR code (ISO/IEC 18004): octets, error correction of level M, versions 1 to 15, drawn as one path.
// The pattern that is laid over the data is always the first: which one hardly matters on a screen, and readers take any.

import { svg } from "../dom.js";

// Of level M, from version 1: blocks, and octets of error correction in each.
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10];
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24];
const QUIET = 4; // modules around the code
const FORMAT = bch(0b00000, 10, 0b10100110111) ^ 0b101010000010010; // level M, pattern 0

export function qrCode(text, label) {
  const modules = encode(new TextEncoder().encode(text));
  const side = modules.length + 2 * QUIET;
  const dark = modules.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : [])));
  return svg(
    "svg",
    { class: "qr", viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges" },
    svg("rect", { width: side, height: side, fill: "#fff" }),
    svg("path", { d: dark.join(""), fill: "#000" }),
  );
}

// Rows of booleans: whether a module is dark. Raises RangeError for a text that is too long.
function encode(octets) {
  const version = BLOCKS.findIndex((_, index) => octets.length + (index < 9 ? 2 : 3) <= room(index + 1)) + 1;
  if (!version) throw new RangeError("too long for a QR code");
  const field = frame(version);
  fill(field, interleaved(version, padded(octets, version)));
  return field.dark;
}

const sideOf = (version) => 17 + 4 * version;

// Octets of data that a version holds.
function room(version) {
  return capacity(version) - BLOCKS[version - 1] * CORRECTION[version - 1];
}

// All octets of a version: its modules without those of the patterns.
function capacity(version) {
  const many = centres(version).length;
  const alignment = many ? 25 * (many * many - 3) - 10 * (many - 2) : 0;
  const patterns = 3 * 64 + 2 * (sideOf(version) - 16) + 31 + alignment + (version >= 7 ? 36 : 0);
  return Math.floor((sideOf(version) ** 2 - patterns) / 8);
}

// Where alignment patterns are, in both directions.
function centres(version) {
  if (version === 1) return [];
  const many = Math.floor(version / 7) + 2;
  const last = sideOf(version) - 7;
  const step = Math.ceil((last - 6) / (many - 1) / 2) * 2;
  return [6, ...Array.from({ length: many - 1 }, (_, index) => last - step * (many - 2 - index))];
}

function padded(octets, version) {
  const bits = [];
  const put = (value, length) => {
    for (let bit = length - 1; bit >= 0; bit -= 1) bits.push((value >> bit) & 1);
  };
  put(0b0100, 4); // octets
  put(octets.length, version < 10 ? 8 : 16);
  for (const octet of octets) put(octet, 8);
  put(0, Math.min(4, room(version) * 8 - bits.length));
  put(0, -bits.length & 7);
  const words = Array.from({ length: bits.length / 8 }, (_, index) =>
    bits.slice(index * 8, index * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0),
  );
  for (let pad = 0xec; words.length < room(version); pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

// Blocks side by side, the short ones first; then their octets of correction.
function interleaved(version, words) {
  const many = BLOCKS[version - 1];
  const short = Math.floor(words.length / many);
  const longer = words.length % many;
  let at = 0;
  const data = Array.from({ length: many }, (_, index) => {
    const length = short + (index >= many - longer ? 1 : 0);
    at += length;
    return words.slice(at - length, at);
  });
  const correction = data.map((block) => remainder(block, CORRECTION[version - 1]));
  const woven = (blocks) =>
    Array.from({ length: Math.max(...blocks.map((block) => block.length)) }, (_, index) =>
      blocks.filter((block) => index < block.length).map((block) => block[index]),
    ).flat();
  return [...woven(data), ...woven(correction)];
}

// Reed and Solomon over the field of 256 with 0x11d.
function remainder(block, length) {
  let generator = [1];
  for (let power = 0, root = 1; power < length; power += 1, root = times(root, 2)) {
    const next = [...generator, 0];
    generator.forEach((factor, index) => {
      next[index + 1] ^= times(factor, root);
    });
    generator = next;
  }
  const rest = Array(length).fill(0);
  for (const word of block) {
    const lead = word ^ rest.shift();
    rest.push(0);
    for (let index = 0; index < length; index += 1) rest[index] ^= times(generator[index + 1], lead);
  }
  return rest;
}

function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ (product & 0x80 ? 0x11d : 0);
    if ((b >> bit) & 1) product ^= a;
  }
  return product & 0xff;
}

// The value with the remainder of its division behind it, of `length` bits.
function bch(value, length, generator) {
  let rest = value << length;
  for (let bit = 31; bit >= length; bit -= 1) if ((rest >>> bit) & 1) rest ^= generator << (bit - length);
  return (value << length) | rest;
}

// The patterns of a version; `taken` says where no data goes.
function frame(version) {
  const side = sideOf(version);
  const dark = Array.from({ length: side }, () => Array(side).fill(false));
  const taken = Array.from({ length: side }, () => Array(side).fill(false));
  const set = (x, y, on) => {
    if (x < 0 || y < 0 || x >= side || y >= side) return;
    dark[y][x] = Boolean(on);
    taken[y][x] = true;
  };
  const rings = (cx, cy, reach, light) => {
    for (let y = -reach; y <= reach; y += 1)
      for (let x = -reach; x <= reach; x += 1) set(cx + x, cy + y, !light.includes(Math.max(Math.abs(x), Math.abs(y))));
  };
  for (let index = 0; index < side; index += 1) {
    set(6, index, index % 2 === 0);
    set(index, 6, index % 2 === 0);
  }
  for (const [x, y] of [
    [3, 3],
    [side - 4, 3],
    [3, side - 4],
  ])
    rings(x, y, 4, [2, 4]);
  const places = centres(version);
  for (const x of places)
    for (const y of places) {
      const atFinder = (x === 6 && (y === 6 || y === side - 7)) || (y === 6 && x === side - 7);
      if (!atFinder) rings(x, y, 2, [1]);
    }
  const format = (bit) => (FORMAT >> bit) & 1;
  for (let bit = 0; bit < 15; bit += 1) {
    if (bit < 6) set(8, bit, format(bit));
    else if (bit < 8) set(8, bit + 1, format(bit));
    else if (bit === 8) set(7, 8, format(bit));
    else set(14 - bit, 8, format(bit));
    if (bit < 8) set(side - 1 - bit, 8, format(bit));
    else set(8, side - 15 + bit, format(bit));
  }
  set(8, side - 8, true);
  if (version >= 7) {
    const told = bch(version, 12, 0b1111100100101);
    for (let bit = 0; bit < 18; bit += 1) {
      const far = side - 11 + (bit % 3);
      const near = Math.floor(bit / 3);
      set(far, near, (told >> bit) & 1);
      set(near, far, (told >> bit) & 1);
    }
  }
  return { dark, taken };
}

// Data goes up and down in columns of two, from the right, around the patterns.
function fill({ dark, taken }, words) {
  const side = dark.length;
  let at = 0;
  for (let right = side - 1, up = true; right > 0; right -= 2, up = !up) {
    if (right === 6) right = 5;
    for (let step = 0; step < side; step += 1) {
      const y = up ? side - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (taken[y][x]) continue;
        const bit = at < words.length * 8 ? (words[at >> 3] >> (7 - (at & 7))) & 1 : 0;
        at += 1;
        dark[y][x] = Boolean(bit ^ ((x + y) % 2 === 0 ? 1 : 0));
      }
    }
  }
}
