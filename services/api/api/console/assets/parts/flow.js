// The mail of some hours as a picture: for each a bar of what came in, and one of what left, by what became of it.
// Who does not see it reads the same as a table.

import { h, svg } from "../dom.js";
import { count, hour } from "../format.js";
import { table } from "./table.js";

const HEIGHT = 220;
const LEFT = 40; // for the numbers
const BOTTOM = 24; // for the hours
const TOP = 8;
const LINES = 3;
const NARROW = "(max-width: 760px)";
const SIZES = { wide: { width: 960, every: 4 }, narrow: { width: 420, every: 6 } }; // `every`: hours between two labels

const SERIES = [
  ["filed_count", "Into mailboxes", "s1"],
  ["delivered_count", "Delivered to other hosts", "s2"],
  ["waiting_count", "Still waiting", "s3"],
  ["failed_count", "Failed", "s4"],
];

export function flow(hours) {
  const { width, every } = matchMedia(NARROW).matches ? SIZES.narrow : SIZES.wide;
  const most = niceMost(Math.max(1, ...hours.map((one) => Math.max(one.filed_count, left(one)))));
  const step = (width - LEFT) / hours.length;
  const bar = step * 0.32;
  const ground = HEIGHT - BOTTOM;
  const tall = (number) => (number / most) * (ground - TOP);
  const lines = Array.from({ length: LINES + 1 }, (_, number) => (most / LINES) * number).map((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: width, y1: ground - tall(value), y2: ground - tall(value) }),
    svg("text", { x: LEFT - 10, y: ground - tall(value) + 4, "text-anchor": "end" }, count(Math.round(value))),
  ]);
  const columns = hours.map((one, number) => {
    const x = LEFT + step * number + step * 0.14;
    return svg(
      "g",
      {},
      svg("title", {}, told(one)),
      svg("rect", { class: "catch", x: LEFT + step * number, y: TOP, width: step, height: ground - TOP }),
      block("s1", x, ground, bar, tall(one.filed_count)),
      stack(one, x + bar + step * 0.06, ground, bar, tall),
      (hours.length - 1 - number) % every === 0 &&
        label(hour(one.start), number === hours.length - 1 ? [width, "end"] : [LEFT + step * (number + 0.5), "middle"]),
    );
  });
  return h(
    "figure",
    {},
    h(
      "div",
      { class: "legend" },
      SERIES.map(([key, label, kind]) =>
        h("span", { class: kind }, label, h("b", { class: "tabular" }, count(hours.reduce((sum, one) => sum + one[key], 0)))),
      ),
    ),
    svg("svg", { class: "flow", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": summary(hours) }, lines, columns),
    h(
      "details",
      {},
      h("summary", {}, "The same as a table"),
      table(
        "Mail by the hour",
        [
          { label: "Hour", main: true, cell: (one) => hour(one.start) },
          ...SERIES.map(([key, label]) => ({ label, number: true, cell: (one) => count(one[key]) })),
        ],
        hours,
      ),
    ),
  );
}

function label(text, [x, anchor]) {
  return svg("text", { x, y: HEIGHT - 4, "text-anchor": anchor }, text);
}

function left(one) {
  return one.delivered_count + one.waiting_count + one.failed_count;
}

function stack(one, x, ground, width, tall) {
  let y = ground;
  return SERIES.slice(1).map(([key, , kind]) => {
    const height = tall(one[key]);
    y -= height;
    return height > 0 && svg("rect", { class: kind, x, y, width, height });
  });
}

function block(kind, x, ground, width, height) {
  return height > 0 && svg("rect", { class: kind, x, y: ground - height, width, height });
}

// The next of 3, 6, 9, … 27, 30, 60, … so that the lines between are whole numbers.
function niceMost(number) {
  for (let step = LINES; ; step *= 10) {
    if (step * 9 >= number) return Math.ceil(number / step) * step;
  }
}

function told(one) {
  return `${hour(one.start)}: ${SERIES.map(([key, label]) => `${label} ${count(one[key])}`).join(", ")}`;
}

function summary(hours) {
  return SERIES.map(([key, label]) => `${label}: ${count(hours.reduce((sum, one) => sum + one[key], 0))}`).join(". ");
}
