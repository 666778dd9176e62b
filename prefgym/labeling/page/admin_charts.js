// Small charts in SVG. Colours come from classes, so that they follow the theme.

import { s } from "./admin_dom.js";
import { words } from "./admin_texts.js";

const label = (x, y, text, anchor, extra = "") => s("text", { x, y, "text-anchor": anchor, class: extra }, text);
const path = (points) => points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** Choose where the axis of time has labels: at round times, at most so many. */
function ticks(start, end, most) {
  const steps = [60, 300, 600, 1800, 3600, 7200, 4 * 3600, 12 * 3600, 86400, 2 * 86400, 7 * 86400, 28 * 86400];
  const step = steps.find((one) => (end - start) / one <= most) ?? 365 * 86400;
  const shift = new Date(start * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((start - shift) / step) * step + shift;
  const format = new Intl.DateTimeFormat("en", step < 86400 ? { hour: "numeric", minute: "2-digit", hour12: false } : { day: "numeric", month: "short" });
  return Array.from({ length: Math.floor((end - first) / step) + 1 }, (_, at) => [first + at * step, format.format(new Date((first + at * step) * 1000))]);
}

/** Answers so far against time, with the goal, what is expected, and answers per interval below. */
export function progressChart({ start, every_s: every, counts }, { goal, perMinute, width, height = 210 }) {
  const [left, right, top, bottom] = [46, width < 500 ? 14 : 46, 12, 22];
  const barTop = height - bottom - 30;
  const sum = counts.reduce((total, count) => total + count, 0);
  const end = start + counts.length * every;
  const wait = perMinute > 0 && sum < goal ? ((goal - sum) / perMinute) * 60 : 0;
  const shown = Math.min(wait, counts.length * every); // the forecast has at most half of the width
  const x = (time) => left + ((time - start) / (end + shown - start)) * (width - left - right);
  const most = Math.max(goal, sum, 1) * 1.04;
  const y = (value) => barTop - 8 - (value / most) * (barTop - 8 - top);
  const highest = Math.max(...counts, 1);
  let total = 0;
  const points = [[x(start), y(0)], ...counts.map((count, at) => [x(start + (at + 1) * every), y((total += count))])];
  const now = x(end);
  const there = sum + (wait ? ((goal - sum) * shown) / wait : 0);
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart progress-chart", role: "img", "aria-label": words.chart.label(sum, goal) },
    ...[0, 0.5, 1].map((share) =>
      s(
        "g",
        {},
        s("line", { class: share === 1 ? "goal" : "grid", x1: left, x2: width - right, y1: y(goal * share), y2: y(goal * share) }),
        label(left - 8, y(goal * share) + 4, words.number(Math.round(goal * share)), "end"),
      ),
    ),
    ...ticks(start, end + shown, Math.min(8, width / 80)).map(([time, text]) => label(x(time), height - 6, text, "middle")),
    s("path", { class: "area", d: `${path(points)}L${now} ${y(0)}L${left} ${y(0)}Z` }),
    s("path", { class: "line", d: path(points) }),
    wait ? s("line", { class: "forecast", x1: now, y1: y(sum), x2: x(end + shown), y2: y(there) }) : null,
    s("circle", { class: "now", cx: now, cy: y(sum), r: 3.5 }),
    width < 500 ? null : label(width - right + 8, y(goal) + 4, words.chart.goal, "start"),
    ...counts.map((count, at) =>
      s(
        "rect",
        {
          ...{ class: "bar-mark", x: x(start + at * every) + 0.8, width: Math.max(1, x(start + every) - x(start) - 1.6) },
          ...{ y: height - bottom - (count / highest) * 24, height: (count / highest) * 24 },
        },
        s("title", {}, words.chart.bar(count, every)),
      ),
    ),
    shown > 0 && width >= 500 ? label(now + 8, height - bottom - 1, words.chart.every(every), "start") : null,
  );
}

/** Seconds per answer, newest to the right; the band is the middle half of all raters. */
export function sparkline(values, { high, band, label: text, width = 72, height = 26 }) {
  const x = (at) => (values.length < 2 ? width - 4 : 2 + (at / (values.length - 1)) * (width - 6));
  const y = (value) => height - 3 - (Math.min(high, value) / high) * (height - 6);
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, class: "chart spark", role: "img", "aria-label": text },
    s("rect", { class: "band", x: 0, width, y: y(band[1]), height: Math.max(1, y(band[0]) - y(band[1])) }),
    s("path", { class: "line", d: path(values.map((value, at) => [x(at), y(value)])) }),
    s("circle", { class: "now", cx: x(values.length - 1), cy: y(values.at(-1)), r: 2.2 }),
  );
}

/** A share with its 95 % interval between two ends of an axis, and a line where chance would be. */
export function interval(share, { from, to, width = 86, height = 26 }) {
  const x = (value) => 4 + ((Math.max(from, Math.min(to, value)) - from) / (to - from)) * (width - 8);
  const text = words.interval(share);
  return s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, class: `chart interval ${share.off ? "flagged" : ""}`, role: "img", "aria-label": text },
    s("line", { class: "grid", x1: 4, x2: width - 4, y1: height / 2, y2: height / 2 }),
    share.chance === null ? null : s("line", { class: "rule", x1: x(share.chance), x2: x(share.chance), y1: 3, y2: height - 3 }),
    s("line", { class: "range", x1: x(share.low), x2: x(share.high), y1: height / 2, y2: height / 2 }),
    s("circle", { class: "dot-mark", cx: x(share.value), cy: height / 2, r: 4 }),
    s("title", {}, text),
  );
}

/** A bar for a count. */
export function lengthBar(share) {
  return s("svg", { viewBox: "0 0 60 6", width: 60, height: 6, class: "chart", "aria-hidden": "true" }, s("rect", { class: "bar-mark", width: Math.max(1, 60 * share), height: 6, rx: 1.5 }));
}
