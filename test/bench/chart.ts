// Line charts as SVG, both axes logarithmic: what grows with a factor of the rules is a straight line.

import { count } from './table.ts';

export interface Chart {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

const WIDTH = 820;
const HEIGHT = 380;
/** Room around the plot, for titles and, at its right, names. */
const MARGIN = { left: 70, right: 210, top: 44, bottom: 52 } as const;
const COLOURS = ['#1f6fb4', '#d1491b', '#2b8a3e', '#7b3fa0', '#a86b00', '#0b8a8f', '#b02a6b', '#555555'];

/** The charts below each other; what has no points is left out. */
export function renderCharts(charts: readonly Chart[]): string {
  const shown = charts.filter(({ series }) => series.some(({ points }) => points.length > 0));
  const height = HEIGHT * shown.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Benchmarks</title>',
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    ...shown.map((chart, index) => `<g transform="translate(0 ${index * HEIGHT})">\n${renderChart(chart)}\n</g>`),
    '</svg>\n',
  ].join('\n');
}

function renderChart({ title, xTitle, yTitle, series }: Chart): string {
  const points = series.flatMap((each) => each.points);
  const x = axis(points.map(([value]) => value));
  const y = axis(points.map(([, value]) => value));
  const plot = { width: WIDTH - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const left = (value: number): string => (MARGIN.left + x.place(value) * plot.width).toFixed(1);
  const top = (value: number): string => (MARGIN.top + (1 - y.place(value)) * plot.height).toFixed(1);
  const bottom = MARGIN.top + plot.height;
  const right = MARGIN.left + plot.width;
  const middle = MARGIN.left + plot.width / 2;
  return [
    text(middle, 22, title, 'middle', ' font-size="15"'),
    text(middle, HEIGHT - 12, xTitle, 'middle'),
    text(MARGIN.left, MARGIN.top - 8, yTitle, 'start'),
    ...x.ticks.flatMap((tick) => [
      line(left(tick), `${MARGIN.top}`, left(tick), `${bottom}`),
      text(left(tick), bottom + 18, tickName(tick), 'middle'),
    ]),
    ...y.ticks.flatMap((tick) => [
      line(`${MARGIN.left}`, top(tick), `${right}`, top(tick)),
      text(MARGIN.left - 8, Number(top(tick)) + 4, tickName(tick), 'end'),
    ]),
    ...series.flatMap(({ name, points: own }, index) => {
      const colour = COLOURS[index % COLOURS.length]!;
      const drawn = own.map(([a, b]): [string, string] => [left(a), top(b)]);
      const height = MARGIN.top + 14 + 20 * index;
      return [
        `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${drawn.map((p) => p.join()).join(' ')}"/>`,
        ...drawn.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3.5" fill="${colour}"/>`),
        `<rect x="${right + 16}" y="${height - 9}" width="12" height="10" fill="${colour}"/>`,
        text(right + 34, height, name, 'start'),
      ];
    }),
  ].join('\n');
}

/** A logarithmic axis from a power of ten to another, with all in between as ticks. */
function axis(values: readonly number[]): { readonly ticks: readonly number[]; place(value: number): number } {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n)),
    place: (value) => (Math.log10(value) - low) / (high - low),
  };
}

function tickName(value: number): string {
  return value < 1 ? `${Number(value.toPrecision(1))}` : count(value);
}

function line(x1: string, y1: string, x2: string, y2: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#dddddd"/>`;
}

function text(x: number | string, y: number, words: string, anchor: string, more = ''): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}"${more}>${escaped}</text>`;
}
