// Draws what `sessionwire-bench --json` wrote: node benches/plots.mjs REPORT.json FOLDER
// One picture for each measure that stands beside a floor: how many times what nothing can go below, on a scale on which
// each step doubles. Rates are turned over, so that a shorter bar is always better. It needs nothing but Node.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [, , report, folder] = process.argv;
if (!report || !folder) {
  console.error("usage: node benches/plots.mjs REPORT.json FOLDER");
  process.exit(2);
}

// At least, and for each character of the longest.
const LABELS = 330;
const CHARACTER = 6.8;
const BARS = 360;
const FIGURES = 200;
const ROW = 26;
const TOP = 58;
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 15px; }
  .quiet { fill: #6e7781; font-size: 11px; }
  .bar { fill: #3b7dd8; }
  .spread { stroke: #24292f; stroke-width: 1.2; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .floor { stroke: #1a7f37; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; }
    .spread { stroke: #e6edf3; } .bar { fill: #4c8dea; } .floor { stroke: #3fb950; }
  }`;

/** How many times the floor, the larger the worse. */
function ratios(figure) {
  const { median, min, max } = figure.ratio;
  return figure.better === "higher"
    ? { median: 1 / median, min: 1 / max, max: 1 / min }
    : { median, min, max };
}

function escaped(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (it) => names[it]);
}

/** Three digits that count. */
function short(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

function picture(measure, figures, about) {
  const rows = figures.map((figure) => ({ figure, times: ratios(figure) }));
  const longest = Math.max(...figures.map((figure) => figure.name.length));
  const labels = Math.max(LABELS, Math.ceil(longest * CHARACTER) + 20);
  const most = Math.max(2, ...rows.map((row) => row.times.max));
  const least = Math.min(1, ...rows.map((row) => row.times.min));
  const first = Math.floor(Math.log2(least));
  const last = Math.ceil(Math.log2(most));
  const at = (times) => labels + ((Math.log2(times) - first) / (last - first)) * BARS;
  const height = TOP + rows.length * ROW + 30;
  const width = labels + BARS + FIGURES;
  const bottom = TOP + rows.length * ROW;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(measure)}: times the floor</title>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="12" y="22">${escaped(measure)}</text>`,
    `<text class="quiet" x="12" y="40">times the floor (green), shorter is better; ${escaped(about)}</text>`,
  ];
  for (let power = first; power <= last; power += 1) {
    const x = at(2 ** power).toFixed(1);
    const kind = power === 0 ? "floor" : "grid";
    parts.push(`<line class="${kind}" x1="${x}" x2="${x}" y1="${TOP - 6}" y2="${bottom + 4}"/>`);
    if (last - first < 9 || power % 2 === 0) {
      parts.push(`<text class="quiet" x="${x}" y="${bottom + 20}" text-anchor="middle">${short(2 ** power)}</text>`);
    }
  }
  rows.forEach(({ figure, times }, place) => {
    const y = TOP + place * ROW;
    const middle = y + ROW / 2;
    const [from, to] = [at(1), at(times.median)].sort((one, other) => one - other);
    const values = `${short(times.median)} × ${figure.floor_name}; ${short(figure.value.median)} ${figure.unit}`;
    parts.push(
      `<text x="${labels - 10}" y="${middle + 4}" text-anchor="end">${escaped(figure.name)}</text>`,
      `<rect class="bar" x="${from.toFixed(1)}" y="${y + 5}" width="${Math.max(1, to - from).toFixed(1)}" height="${ROW - 10}" rx="2"/>`,
      `<line class="spread" x1="${at(times.min).toFixed(1)}" x2="${at(times.max).toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
      `<text class="quiet" x="${labels + BARS + 10}" y="${middle + 4}">${escaped(values)}</text>`,
    );
  });
  parts.push("</svg>");
  return `${parts.join("\n")}\n`;
}

const told = JSON.parse(readFileSync(report, "utf8"));
const about = `${told.connections.toLocaleString("en")} connections, median of ${told.runs} runs, lines from the best to the worst`;
const measures = new Map();
for (const figure of told.figures.filter((it) => it.ratio && it.ratio.min > 0)) {
  measures.set(figure.measure, [...(measures.get(figure.measure) ?? []), figure]);
}
mkdirSync(folder, { recursive: true });
for (const [measure, figures] of measures) {
  writeFileSync(join(folder, `${measure}.svg`), picture(measure, figures, about));
}
