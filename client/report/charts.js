'use strict';
// Elements and charts. Everything that comes from data goes through text nodes and attributes.

const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

const isNumber = value => typeof value === 'number' && Number.isFinite(value);

// Up to `digits` significant digits, without an exponent where it can be helped.
function numberText(value, digits = 4) {
  if (!isNumber(value)) return '';
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return rounded.toExponential();
  return String(rounded).replace('-', '\u2212');
}

// About `count` round numbers that cover [low, high].
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough * 0.999);
  const list = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) list.push(i * step);
  return list;
}

function extent(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  if (!(low < high)) { const pad = Math.abs(low) * 0.1 || 1; return [low - pad, high + pad]; }
  return [low, high];
}

// A sign for a kind of images: shape and colour differ, for those who don't see colours.
function marker(shape, x, y, size, colour) {
  const at = points => points.map(([dx, dy]) => `${(x + dx * size).toFixed(1)},${(y + dy * size).toFixed(1)}`).join(' ');
  const style = {fill: colour, 'fill-opacity': 0.75, stroke: '#fff', 'stroke-width': 0.6};
  if (shape === 'square') return svg('polygon', {points: at([[-.9, -.9], [.9, -.9], [.9, .9], [-.9, .9]]), ...style});
  if (shape === 'triangle') return svg('polygon', {points: at([[0, -1.1], [1.05, .8], [-1.05, .8]]), ...style});
  if (shape === 'diamond') return svg('polygon', {points: at([[0, -1.5], [1.2, 0], [0, 1.5], [-1.2, 0]]), ...style, 'fill-opacity': 1, stroke: '#222'});
  if (shape === 'cross') return svg('path', {d: `M${x - size} ${y - size}l${2 * size} ${2 * size}m0 ${-2 * size}l${-2 * size} ${2 * size}`, stroke: colour, 'stroke-width': 1.8, fill: 'none'});
  return svg('circle', {cx: x.toFixed(1), cy: y.toFixed(1), r: size, ...style});
}

function legend(entries) {
  return el('div', {class: 'legend'}, entries.map(({name, shape, colour, line}) => el('span', {class: 'key'},
    svg('svg', {width: 22, height: 14, style: 'width:22px', 'aria-hidden': 'true'}, line
      ? svg('line', {x1: 1, x2: 21, y1: 7, y2: 7, stroke: colour, 'stroke-width': 2.4, 'stroke-dasharray': line})
      : marker(shape, 11, 7, 5, colour)), name)));
}

// series: [{name, points: [[x, y], ...]}]; events: [{step, text}].
function lineChart(title, xName, series, events) {
  const width = 520, height = 250, left = 58, right = 14, top = 18, bottom = 40;
  const points = series.flatMap(one => one.points);
  const [x0, x1] = extent(points.map(point => point[0]));
  let [y0, y1] = extent(points.map(point => point[1]));
  const pad = (y1 - y0) * 0.06; y0 -= pad; y1 += pad;
  const px = x => left + (x - x0) / (x1 - x0) * (width - left - right);
  const py = y => height - bottom - (y - y0) / (y1 - y0) * (height - top - bottom);
  const chart = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img',
    'aria-label': `${title} against ${xName}: ` + series.map(one => `${one.name} from ${numberText(one.points[0][1], 3)} to ${numberText(one.points.at(-1)[1], 3)}`).join('; ')});
  for (const y of ticks(y0, y1, 5)) {
    chart.append(svg('line', {x1: left, x2: width - right, y1: py(y), y2: py(y), stroke: '#e6ebee'}),
      svg('text', {x: left - 7, y: py(y) + 4, 'text-anchor': 'end'}, numberText(y)));
  }
  for (const x of ticks(x0, x1, 6)) chart.append(svg('text', {x: px(x), y: height - bottom + 18, 'text-anchor': 'middle'}, numberText(x)));
  chart.append(svg('line', {x1: left, x2: width - right, y1: height - bottom, y2: height - bottom, stroke: '#9aa7af'}),
    svg('text', {x: (left + width - right) / 2, y: height - 6, 'text-anchor': 'middle'}, xName));
  const shown = events.filter(event => event.step >= x0 && event.step <= x1);
  shown.forEach((event, i) => chart.append(
    svg('line', {x1: px(event.step), x2: px(event.step), y1: top, y2: height - bottom, stroke: '#7b8790', 'stroke-dasharray': '3 3'}),
    svg('text', {x: px(event.step), y: top - 5, 'text-anchor': 'middle'}, String(i + 1))));
  const dashes = ['none', '7 4', '2 3'];
  series.forEach((one, i) => {
    one.colour = COLOURS[i % COLOURS.length]; one.line = dashes[i % dashes.length];
    chart.append(svg('polyline', {points: one.points.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(' '),
      fill: 'none', stroke: one.colour, 'stroke-width': 2, 'stroke-dasharray': one.line, 'stroke-linejoin': 'round'}));
    if (one.points.length === 1) chart.append(marker('circle', px(one.points[0][0]), py(one.points[0][1]), 4, one.colour));
  });
  return el('figure', {class: 'chart'}, el('figcaption', {}, title), series.length > 1 ? legend(series) : null, chart,
    shown.length ? el('ol', {class: 'events'}, shown.map(event => el('li', {}, `${xName} ${event.step}: ${event.text}`))) : null);
}

// groups: [{name, shape, colour, points: [[x, y], ...]}], drawn in this order.
function scatterChart(title, groups) {
  const width = 760, height = 470, pad = 14;
  const points = groups.flatMap(group => group.points);
  const [x0, x1] = extent(points.map(point => point[0])), [y0, y1] = extent(points.map(point => point[1]));
  const px = x => pad + (x - x0) / (x1 - x0) * (width - 2 * pad);
  const py = y => height - pad - (y - y0) / (y1 - y0) * (height - 2 * pad);
  const chart = svg('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label':
    `${title}: ` + groups.map(group => `${group.points.length} of ${group.name}`).join(', ')},
    svg('rect', {x: 0.5, y: 0.5, width: width - 1, height: height - 1, fill: '#fbfcfd', stroke: '#d9e0e4'}));
  for (const group of groups) {
    for (const [x, y] of group.points) chart.append(marker(group.shape, px(x), py(y), 4, group.colour));
  }
  return el('figure', {class: 'chart'}, legend(groups), chart);
}

// Values with their intervals on one scale: entries [{value, low, high, shape, colour}].
function spreadChart(entries) {
  const width = 190, height = 8 + 11 * entries.length;
  const [low, high] = extent(entries.flatMap(entry => [entry.value, entry.low, entry.high].filter(isNumber)));
  const px = x => 8 + (x - low) / (high - low) * (width - 16);
  return svg('svg', {class: 'spread', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true'}, entries.flatMap((entry, i) => {
    const y = 10 + 11 * i;
    return [isNumber(entry.low) && isNumber(entry.high)
      ? svg('line', {x1: px(entry.low), x2: px(entry.high), y1: y, y2: y, stroke: entry.colour, 'stroke-width': 1.6}) : null,
      marker(entry.shape, px(entry.value), y, 3.6, entry.colour)];
  }));
}
