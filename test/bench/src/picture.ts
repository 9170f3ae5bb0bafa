import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [ms: number, count: number])[];
}

const WIDTH = 900;
const HEIGHT = 480;
const MARGIN = { left: 90, right: 30, top: 50, bottom: 60 };
const COLOURS = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd'];
const TICKS = 8;

/** Draws counts over seconds as `DIR/NAME.svg`; gives the path. */
export function drawCurves(folder: string, name: string, title: string, lines: readonly Line[]): string {
  const file = join(folder, `${name}.svg`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, svg(title, lines));
  return file;
}

function svg(title: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points);
  const xMax = niceAbove(Math.max(1, ...all.map(([ms]) => ms)) / 1000);
  const yMax = niceAbove(Math.max(1, ...all.map(([, count]) => count)));
  const x = (ms: number) => MARGIN.left + (ms / 1000 / xMax) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (count: number) => HEIGHT - MARGIN.bottom - (count / yMax) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const grid = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const seconds = (xMax / TICKS) * tick;
    const count = (yMax / TICKS) * tick;
    return [
      `<line x1="${x(seconds * 1000)}" y1="${y(0)}" x2="${x(seconds * 1000)}" y2="${y(yMax)}" stroke="#eee"/>`,
      `<line x1="${x(0)}" y1="${y(count)}" x2="${x(xMax * 1000)}" y2="${y(count)}" stroke="#eee"/>`,
      `<text x="${x(seconds * 1000)}" y="${HEIGHT - MARGIN.bottom + 20}" text-anchor="middle">${label(seconds)}</text>`,
      `<text x="${MARGIN.left - 10}" y="${y(count) + 4}" text-anchor="end">${label(count)}</text>`,
    ].join('');
  }).join('\n');
  const curves = lines.map(({ label: text, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const path = points.map(([ms, count], at) => `${at === 0 ? 'M' : 'L'}${round(x(ms))} ${round(y(count))}`).join('');
    const legend = `<text x="${MARGIN.left + 12}" y="${MARGIN.top + 18 + index * 18}" fill="${colour}">${text}</text>`;
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${legend}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="${WIDTH / 2}" y="26" text-anchor="middle" font-size="15">${title}</text>
${grid}
${curves.join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 14}" text-anchor="middle">seconds from the first command</text>
</svg>
`;
}

/** 1, 2, 4, 5 or 8 times a power of ten: divides into readable ticks. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 4, 5, 8, 10].find((each) => each * power >= value) ?? 10);
}

function label(value: number): string {
  return value >= 1000 ? value.toLocaleString('en-US') : String(Math.round(value * 100) / 100);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
