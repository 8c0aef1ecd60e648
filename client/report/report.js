'use strict';
// Draws the page from the document in #data (client/report_data.h).
const data = JSON.parse(document.getElementById('data').textContent);
const {job, report} = data;
const spec = job.spec, settings = spec.settings || {};
const list = value => Array.isArray(value) ? value : [];
const SUBJECTS = {
  'source': {shape: 'circle', colour: '#7f8c95'}, 'references': {shape: 'diamond', colour: '#d62728'},
  'stage 1': {shape: 'triangle', colour: '#e69f00'}, 'stage 2': {shape: 'circle', colour: '#0072b2'},
  'recoloured': {shape: 'diamond', colour: '#cc79a7'}, 'pairs': {shape: 'cross', colour: '#3a3f44'},
  'target': {shape: 'square', colour: '#009e73'},
};
const OTHERS = new Map();  // subjects of the downstream evaluation, in the order in which they come
function signOf(subject) {
  if (subject in SUBJECTS) return SUBJECTS[subject];
  if (!OTHERS.has(subject)) OTHERS.set(subject, OTHERS.size);
  return {shape: ['circle', 'square', 'triangle', 'cross'][OTHERS.get(subject) % 4], colour: COLOURS[OTHERS.get(subject) % COLOURS.length]};
}
const cell = value => el('td', {}, value);

function section(id, title, ...content) {
  const shown = content.flat().filter(part => part !== null && part !== undefined);
  if (shown.length === 0) return;
  document.getElementById('contents').append(el('a', {href: `#${id}`}, title));
  document.getElementById('page').append(el('section', {id, 'aria-labelledby': `${id}-title`}, el('h2', {id: `${id}-title`}, title), shown));
}
const table = (head, rows, numbers = []) => el('div', {class: 'scroll'}, el('table', {},
  el('thead', {}, el('tr', {}, head.map((text, i) => el('th', {scope: 'col', class: numbers.includes(i) ? 'number' : null}, text)))),
  el('tbody', {}, rows)));
const facts = entries => el('dl', {class: 'facts'}, entries.filter(entry => entry[1]).map(([name, value]) =>
  el('div', {}, el('dt', {}, name), el('dd', {}, value))));
const capital = text => text.charAt(0).toUpperCase() + text.slice(1);

function duration(from, to) {
  const seconds = (new Date(to) - new Date(from)) / 1000;
  if (!(seconds >= 0)) return '';
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
}
const moment = time => time ? new Date(time).toISOString().slice(0, 16).replace('T', ' ') + ' UTC' : '';

function showVerdicts() {
  if (spec.kind === 'JOB_KIND_FIT') {
    const warnings = list(job.warnings).map(text => el('li', {}, el('span', {class: 'badge mixed'}, 'note'), el('span', {class: 'name'}, 'Warning'), el('span', {}, capital(text))));
    section('verdict', 'Model', el('p', {class: 'headline'}, `A model of stage 1 alone: ${job.stage1_model || 'its weights were deleted'}.`), el('ul', {}, warnings));
    document.getElementById('verdict').classList.add('verdict', 'none');
    return;
  }
  const verdicts = list(report.verdicts);
  const poor = verdicts.filter(one => one.verdict === 'poor').map(one => one.name);
  const good = verdicts.filter(one => one.verdict === 'good').map(one => one.name);
  const mixed = verdicts.filter(one => !['good', 'poor', 'not measured'].includes(one.verdict)).map(one => one.name);
  const made = job.pairs_ready, out = job.pairs_left_out;
  const state = poor.length ? 'poor' : mixed.length ? 'mixed' : good.length ? 'good' : '';
  const headline = poor.length ? `Look closely before you use these pairs: ${poor.join(' and ')} ${poor.length > 1 ? 'are' : 'is'} poor.`
    : mixed.length ? `Read what is said on ${mixed.join(' and ')} before you use these pairs.`
    : good.length ? `Nothing that was measured speaks against these pairs.` : 'Nothing was judged: look at the samples before you use these pairs.';
  const lines = verdicts.map(one => [one.name, one.verdict, one.reason]);
  const gates = settings['gates.enabled'];
  if (gates === 'on') lines.push(['gates', out === 0 || made > out ? 'good' : 'poor',
    out === 0 ? `All ${made} pairs passed.` : `${made} of ${made + out} pairs passed; ${out} failed in every attempt and were left out.`]);
  if (gates === 'off') lines.push(['gates', 'not measured', 'The gates were off for this job: pairs that ignore their mask or copy a real image may be among these.']);
  list(job.warnings).forEach(text => lines.push(['warning', 'note', text]));
  const items = lines.map(([name, verdict, reason]) => {
    const shade = ['good', 'poor'].includes(verdict) ? verdict : verdict === 'not measured' ? '' : 'mixed';
    return el('li', {}, el('span', {class: `badge ${shade}`}, (verdict === 'good' ? '\u2713 ' : verdict === 'poor' ? '\u2717 ' : '') + verdict),
      el('span', {class: 'name'}, capital(name)), el('span', {}, capital(reason)));
  });
  section('verdict', 'Verdict', el('p', {class: 'headline'}, headline), el('ul', {}, items));
  document.getElementById('verdict').classList.add('verdict', state || 'none');
}

function datasetText(name, dataset) {
  if (!name) return '';
  return dataset ? `${name}: ${dataset.item_count} images, ${dataset.smallest === dataset.largest ? dataset.smallest : `${dataset.smallest} to ${dataset.largest}`}` : `${name} (deleted since)`;
}

function showJob() {
  const labels = data.source ? list(data.source.labels).map(label => label.name).join(', ') : '';
  const evaluated = spec.target && settings['evaluate.segmenter'] && settings['evaluate.segmenter'] !== 'none';
  section('job', 'The job', facts([
    ['Source', datasetText(spec.source, data.source)], ['Labels', labels], ['Classes of pairs', settings['pairs.classes'] || ''],
    ['Begins with', spec.model], ['Masks of', spec.masks],
    ['References', list(spec.references).length === 0 ? '' : `${spec.references.length} images${Number(settings['align.references']) > 0 ? `, ${settings['align.references']} of them learned from` : ''}`],
    ['Target, for figures only', datasetText(spec.target, data.target)],
    ['Pairs', spec.kind === 'JOB_KIND_FIT' ? '' : `${job.pairs_ready} made${job.pairs_left_out ? `, ${job.pairs_left_out} left out by the gates` : ''}`],
    ['Size of pairs', Number(settings['pairs.size']) > 0 ? `${settings['pairs.size']} ${/3d/.test(spec.preset) ? 'voxels' : 'pixels'} on the longer side` : ''],
    ['Made of', data.made_of], ['Method', settings['method']], ['Preset', spec.preset], ['Masks', settings['masks.kind']], ['Gates', settings['gates.enabled']],
    ['Segmentation model', evaluated ? `${settings['evaluate.segmenter']}, ${settings['evaluate.seeds']} seeds on each side${Number(settings['evaluate.size']) > 0 ? `, at ${settings['evaluate.size']} pixels` : ''}` : ''],
    ['Started', moment(job.start_time)], ['Time', duration(job.start_time, job.end_time)]]),
    el('details', {}, el('summary', {}, 'Stages and their times'), table(['Stage', 'State', 'Tasks', 'Reused', 'Time', 'Note'], list(job.stages).map(stage => el('tr', {},
      cell(stage.id), cell(stage.state.replace('STAGE_STATE_', '').toLowerCase()), cell(`${stage.tasks_done} of ${stage.tasks_total}`), cell(String(stage.tasks_reused)),
      cell(stage.state === 'STAGE_STATE_REUSED' ? '' : duration(stage.start_time, stage.end_time)), cell(stage.note))))));
}

async function load(png) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  return image;
}
function pixels(image) {
  const canvas = el('canvas', {width: image.naturalWidth, height: image.naturalHeight});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
const classes = data.source ? list(data.source.labels) : [];
const background = data.source ? data.source.background : 0;
const rankOf = value => {
  const index = classes.findIndex(label => label.value === value);
  return value === background ? Infinity : index < 0 ? classes.length : index;
};
const classColour = value => ['#00e5ff', '#ffd400', '#ff5ea8', '#7cff6b', '#ff8c1a'][rankOf(value) % 5];

// Draws the image, if any, and the outlines of the mask's areas, or these filled where there is no image.
async function draw(canvas, png, mask) {
  const image = png ? await load(png) : null, areas = mask ? await load(mask) : null;
  const {naturalWidth: width, naturalHeight: height} = image || areas;
  const scale = Math.max(1, Math.round(320 / width));
  canvas.width = width * scale; canvas.height = height * scale;
  const context = canvas.getContext('2d');
  if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
  if (!areas) return;
  const {data: bytes, width: columns, height: rows} = pixels(areas);
  const at = (x, y) => x < 0 || y < 0 || x >= columns || y >= rows ? background : bytes[4 * (y * columns + x)];
  const sx = canvas.width / columns, sy = canvas.height / rows;
  const paths = new Map();
  for (let y = 0; y <= rows; y++) for (let x = 0; x <= columns; x++) {
    const here = at(x, y);
    if (!image && here !== background) { context.fillStyle = classColour(here); context.fillRect(x * sx, y * sy, sx + 0.5, sy + 0.5); }
    for (const [other, x2, y2] of [[at(x - 1, y), x, y + 1], [at(x, y - 1), x + 1, y]]) {
      if (other === here) continue;
      const value = rankOf(here) < rankOf(other) ? here : other;
      if (!paths.has(value)) paths.set(value, new Path2D());
      paths.get(value).moveTo(x * sx, y * sy); paths.get(value).lineTo(x2 * sx, y2 * sy);
    }
  }
  if (!image) return;
  context.lineWidth = Math.max(1.5, canvas.width / 180); context.lineCap = 'square';
  for (const [value, path] of paths) { context.strokeStyle = classColour(value); context.stroke(path); }
}

const pending = [];
function picture(caption, label, png, mask) {
  if (!png && !mask) return null;
  const canvas = el('canvas', {role: 'img', 'aria-label': label});
  const figure = el('figure', {}, canvas, el('figcaption', {}, caption));
  pending.push(draw(canvas, png, mask).catch(() => canvas.replaceWith(el('p', {class: 'small'}, 'This image can\u2019t be read.'))));
  return figure;
}

function sampleCard(sample) {
  const images = sample.images || {}, gates = sample.gates || {};
  const of = name => images[name] || {};
  const made = ['stage 2', 'recoloured'].find(name => name in images) || 'pairs';  // without an alignment there are no stages to tell apart
  const mask = of(made).mask || of('stage 1').mask || of('source').mask;
  const texts = [];
  if (isNumber(gates.mask_agreement)) texts.push(`mask agreement ${numberText(gates.mask_agreement, 2)} (at least ${settings['gates.mask_agreement']})`);
  if (isNumber(gates.memorization)) texts.push(`distance to nearest real image ${numberText(gates.memorization, 2)} (at least ${settings['gates.memorization']})`);
  if (gates.attempts > 1) texts.push(`${gates.attempts} attempts`);
  const nearest = gates.nearest ? `Nearest real image: ${gates.nearest}${gates.nearest_in ? `, ${gates.nearest_in}` : ''}` : 'Nearest real image';
  const kinds = {generated: 'generated from noise', restyled: `the ${sample.start || 'source image'} restyled`, recoloured: 'the source image recoloured'};
  const caption = `${made === 'stage 2' ? 'Stage 2: the' : 'The'} pair\u2019s image${sample.kind in kinds ? `, ${kinds[sample.kind]}` : ''}`;
  // An image that this pair does not have is no picture; its mask alone would pass for one.
  const made_for = (name, caption, label, outline) => name in images ? picture(caption, label, of(name).png, outline) : null;
  const about = name => `${name} of pair ${sample.pair}, with the mask's outline`;
  return el('article', {class: 'sample'}, el('div', {class: 'head'}, el('span', {class: 'name'}, `Pair ${sample.pair}`),
    sample.mask_origin ? el('span', {}, `mask from ${sample.mask_origin}`) : null, sample.class ? el('span', {}, `class ${sample.class}`) : null, texts.map(text => el('span', {class: 'small'}, text)),
    gates.passed === false ? el('span', {class: 'badge poor'}, '\u2717 left out') : null),
    el('div', {class: 'pictures'}, picture('Mask', `Mask of pair ${sample.pair}`, null, mask), made_for('source', 'Source image', about('Source image'), of('source').mask || mask),
      made_for('stage 1', 'Stage 1', about('Stage 1'), of('stage 1').mask || mask), made_for(made, caption, about('Image'), mask),
      made_for('framed', 'In its frame, as it is handed out', about('Image in its frame'), of('framed').mask),
      made_for('nearest', nearest, `Nearest real image to pair ${sample.pair}`, of('nearest').mask)));
}

function showSamples() {
  const samples = list(data.samples), first = 6;
  if (samples.length === 0) return;
  const rest = samples.slice(first);
  section('samples', 'Samples', el('p', {class: 'hint'}, 'Each row is one pair: the mask that was asked for, drawn over every image that was made for it.'),
    classes.length ? el('div', {class: 'legend'}, classes.map(label => el('span', {class: 'key'}, svg('svg', {width: 14, height: 14, style: 'width:14px', 'aria-hidden': 'true'},
      svg('rect', {x: 1, y: 1, width: 12, height: 12, fill: classColour(label.value), stroke: '#555'})), label.name))) : null,
    el('div', {class: 'samples'}, samples.slice(0, first).map(sampleCard)),
    rest.length ? el('details', {}, el('summary', {}, `${rest.length} more`), el('div', {class: 'samples'}, rest.map(sampleCard))) : null);
}

// Rows of figures, a row a name and a column a subject; the notes are numbered.
function figureTable(figures, compare) {
  const all = [...new Set(figures.map(figure => figure.name))];
  const has = name => figures.some(figure => figure.name === name && isNumber(figure.value));
  const names = all.filter(has);
  const absent = new Map();  // why -> names
  for (const name of all.filter(one => !has(one))) {
    const why = (figures.find(figure => figure.name === name && figure.note) || {note: ''}).note.replace(/^not available: /, '');
    absent.set(why, [...(absent.get(why) || []), name]);
  }
  const order = Object.keys(SUBJECTS);
  const rank = subject => order.includes(subject) ? order.indexOf(subject) : order.length;
  const subjects = [...new Set(figures.map(figure => figure.subject))].sort((a, b) => rank(a) - rank(b));
  const notes = [];
  const note = text => { if (!notes.includes(text)) notes.push(text); return el('sup', {}, ` ${notes.indexOf(text) + 1}`); };
  const show = figure => {
    if (!figure) return el('td', {class: 'number'});
    const mark = figure.note ? note(figure.note) : null;
    if (!isNumber(figure.value)) return el('td', {class: 'number'}, el('span', {class: 'absent'}, 'not available'), mark);
    const interval = isNumber(figure.low) && isNumber(figure.high) ? el('span', {class: 'interval'}, `${numberText(figure.low, 3)} to ${numberText(figure.high, 3)}`) : null;
    return el('td', {class: 'number', title: figure.sample_count ? `${figure.sample_count} images` : null}, numberText(figure.value), mark, interval);
  };
  const rows = names.map(name => {
    const of = subject => figures.find(figure => figure.name === name && figure.subject === subject);
    const any = figures.find(figure => figure.name === name);
    // A difference is on another scale than what it is the difference of.
    const shown = subjects.map(of).filter(figure => figure && isNumber(figure.value) && figure.subject !== 'difference');
    return el('tr', {}, el('td', {}, el('span', {class: 'name'}, name), any.unit && !name.includes(any.unit) ? `, ${any.unit}` : '', any.better ? el('span', {class: 'interval'}, `${any.better} is better`) : null),
      subjects.map(subject => show(of(subject))), compare ? el('td', {}, change(of('stage 1'), of('stage 2'))) : null,
      el('td', {}, shown.length > 1 ? spreadChart(shown.map(figure => ({...figure, ...signOf(figure.subject)}))) : null));
  });
  return [legend(subjects.map(subject => ({name: subject, ...signOf(subject)}))),
    table(['Figure', ...subjects, ...(compare ? ['Stage 2 against stage 1'] : []), 'Side by side'], rows, subjects.map((_, i) => i + 1)),
    absent.size ? el('div', {class: 'small'}, 'Not available:', el('ul', {class: 'notes'}, [...absent].map(([why, of]) => el('li', {}, of.join(', ') + (why ? `: ${why}` : ''))))) : null,
    notes.length ? el('ol', {class: 'notes'}, notes.map(text => el('li', {}, text))) : null];
}

// What stage 2 changed, and whether the intervals tell the two apart.
function change(before, after) {
  if (!before || !after || !isNumber(before.value) || !isNumber(after.value) || !['lower', 'higher'].includes(before.better)) return '';
  const gain = before.better === 'lower' ? before.value - after.value : after.value - before.value;
  const bounded = [before.low, before.high, after.low, after.high].every(isNumber);
  if (gain === 0 || (bounded && before.low <= after.high && after.low <= before.high)) return el('span', {class: 'small'}, 'no clear difference');
  const share = before.value !== 0 ? ` by ${numberText(Math.abs(100 * gain / before.value), 2)} %` : '';
  return el('span', {class: gain > 0 ? 'better' : 'worse'}, `${gain > 0 ? 'better' : 'worse'}${share}`);
}

function showFigures() {
  const all = list(report.figures);
  const downstream = all.filter(figure => !(figure.subject in SUBJECTS));
  const figures = all.filter(figure => figure.subject in SUBJECTS);
  const staged = ['stage 1', 'stage 2'].every(subject => figures.some(figure => figure.subject === subject));
  if (figures.length) section('figures', 'Figures', el('p', {class: 'hint'}, 'Small type: 95 % bootstrap interval. docs/figures.md of AlignFlow defines each figure.'), figureTable(figures, staged));
  if (downstream.length) section('downstream', 'Downstream segmentation', el('p', {class: 'hint'},
    'Segmentation models trained without and with the pairs, with the same budget and seeds, and tested on the target dataset.'), figureTable(downstream, false));
}

function showCurves() {
  const titles = {fit: 'Stage 1', align: 'Stage 2', 'fit-masks': 'Mask model'};
  const charts = list(data.curves).flatMap(curve => {
    const groups = new Map();
    for (const series of list(curve.series)) {
      const points = list(series.points).filter(point => list(point).slice(0, 2).every(isNumber));
      const kind = series.name.includes('alignment') ? 'alignment' : series.name;
      if (points.length) groups.set(kind, [...(groups.get(kind) || []), {name: series.name.replaceAll('_', ' '), points}]);
    }
    for (const [kind, series] of [...groups]) {
      // Series so far apart that one scale would flatten them get a chart each.
      const span = points => { const [low, high] = extent(points.map(point => point[1])); return high - low; };
      if (series.length < 2 || span(series.flatMap(one => one.points)) < 4 * Math.max(...series.map(one => span(one.points)))) continue;
      groups.delete(kind);
      series.forEach(one => groups.set(one.name, [one]));
    }
    return [...groups].map(([kind, series]) => lineChart(`${titles[curve.name] || curve.name}: ${kind}`, curve.x || 'step', series, list(curve.events)));
  });
  if (charts.length) section('curves', 'Training', el('div', {class: 'charts'}, charts));
}

function showEmbedding() {
  const points = list(data.embedding).filter(point => isNumber(point.x) && isNumber(point.y));
  if (points.length === 0) return;
  const order = [...new Set([...Object.keys(SUBJECTS).filter(name => name !== 'references'), ...points.map(point => point.subject)])];
  const groups = order.map(name => ({name, ...signOf(name), points: points.filter(point => point.subject === name).map(point => [point.x, point.y])}));
  section('embedding', 'Map of the images', el('p', {class: 'hint'}, 't-SNE of the images\u2019 features: images that look alike lie close together; distances between far groups mean little.'),
    scatterChart('t-SNE of features', groups.filter(group => group.points.length)));
}

function showReproduction() {
  const digests = [['Source dataset', (job.source_version || data.source || {}).digest], ['Target dataset', (job.target_version || data.target || {}).digest], ['Model of stage 1', job.stage1_model],
    ['Model of stage 2', job.stage2_model], ...list(report.artifacts).map(artifact => [artifact.name, artifact.blob.sha256])].filter(entry => entry[1]);
  section('reproduce', 'How to make it again', el('p', {}, 'The same data, settings and version give the same bytes on the same kind of device.' +
      (data.command.includes('REFERENCES_FOLDER') ? ' REFERENCES_FOLDER is the folder with the reference images listed below.' : '')),
    el('pre', {}, data.command), facts([['afctl', data.afctl], ['Report made', data.made], ['Job', job.name]]),
    el('h3', {}, 'Digests (SHA-256) and models'), table(['What', 'Digest or name'], digests.map(([name, digest]) => el('tr', {}, cell(name), el('td', {class: 'digest'}, digest)))),
    el('details', {}, el('summary', {}, `Settings (${Object.keys(settings).length}; those that differ from the preset are bold)`), table(['Setting', 'Value', 'Preset'],
      Object.keys(settings).sort().map(name => el('tr', {class: settings[name] !== data.defaults[name] ? 'changed' : null}, cell(name), cell(settings[name]), cell(data.defaults[name]))))),
    list(spec.references).length === 0 ? null : el('details', {}, el('summary', {}, `Reference images (${spec.references.length})`), table(['Image', 'SHA-256'],
      spec.references.map(reference => el('tr', {}, cell(reference.stem), el('td', {class: 'digest'}, reference.image.sha256))))));
}

showVerdicts(); showJob(); showSamples(); showFigures(); showCurves(); showEmbedding(); showReproduction();
Promise.all(pending).then(() => { document.documentElement.dataset.ready = 'yes'; });
