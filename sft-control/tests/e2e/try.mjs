#!/usr/bin/env node
// The server's try page in Chromium, with Chromium's fake camera and microphone. The exit status is 0 when two pages
// with the same link see, hear and measure each other, one with another key gets nothing out of the media, and the
// call survives a restart of the server.
//
// The line `restart` on standard output asks whoever started this to crash and restart the server.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { Chromium } from './chromium.mjs';
import { exchange } from './services.mjs';
import { vectorProblems } from './vectors.mjs';

const { values: options } = parseArgs({ options: {
  sft: { type: 'string' },                        // base URL of the SFT
  output: { type: 'string' },                     // directory for the log
  chromium: { type: 'string', default: 'chromium' },
  lane: { type: 'string', default: 'kernel' },    // the lane that the page must name: kernel | userspace
  refused: { type: 'string' },                    // the server refuses, and the page must say why with this text
} });

const LINK = 'AAECAwQFBgcICQoLDA0ODw';
const OTHER_LINK = 'DwAECAwQFBgcICQoLDA0OA';
const TIMEOUT = 30_000;
// A page notices a silent server after some seconds, and its attempts to come back are seconds apart.
const RECONNECT_TIMEOUT = 60_000;

const started = Date.now();
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const say = text => console.error(`      [${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);

fs.mkdirSync(options.output, { recursive: true });
const journal = fs.createWriteStream(path.join(options.output, 'events.jsonl'));
const record = event => journal.write(`${JSON.stringify({ ms: Date.now() - started, ...event })}\n`);

const OBSERVER = fs.readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), 'page/observer.js'), 'utf8');
// Has the page hand another key to its worker than the link's.
const FORGER = `
  const key = crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  const send = Worker.prototype.postMessage;
  Worker.prototype.postMessage = async function (message, ...rest) {
    return send.call(this, message.key ? { ...message, key: await key } : message, ...rest);
  };`;

const errors = [];

// Checks until nothing is missing. The check gives sentences about what is.
async function until(check, timeout, what) {
  say(what);
  const end = Date.now() + timeout;
  let problems = await check();
  while (problems.length > 0 && Date.now() < end) {
    await sleep(500);
    problems = await check();
  }
  if (problems.length > 0) throw new Error(`${what}: ${problems.join('; ')}`);
}

async function open(browser, name, link, script = '') {
  const onMessage = message => {
    record({ name, ...message });
    if (message.type === 'error') errors.push(`${name}: ${message.text}`);
  };
  const page = await browser.open(`${options.sft}/try#${link}`, onMessage, OBSERVER + script);
  const client = { name, page };
  await until(async () => (await page.call('isReady') ? [] : ['no preview']), TIMEOUT, `${name} opens the page`);
  await page.call('click', '#join');
  return client;
}

async function observe(client) {
  const seen = await client.page.call('observe');
  record({ name: client.name, type: 'observation', seen });
  return { ...seen, own: seen.tiles.find(tile => tile.own), others: seen.tiles.filter(tile => !tile.own) };
}

const click = (client, selector) => client.page.call('click', selector);
const number = text => Number.parseFloat(text.replace('< ', ''));

// What is missing from a tile with living picture and voice; `before` is the same tile a little earlier.
function tileProblems({ note, width, played, lane, figures }, before) {
  const problems = [];
  if (note) problems.push(note);
  if (!(width > 0) || !(played > (before?.played ?? Infinity))) problems.push('its picture stands still');
  if (lane !== options.lane) problems.push(`its lane is "${lane}"`);
  if (!['high · 1280 × 720', 'low · 640 × 360'].includes(figures.layer)) problems.push(`its layer is "${figures.layer}"`);
  if (!/^\d+(\.\d+)? [kM]bit\/s$/.test(figures.video)) problems.push(`its video has "${figures.video}"`);
  if (!/^\d+ kbit\/s$/.test(figures.voice)) problems.push(`its voice has "${figures.voice}"`);
  if (!(number(figures.frames) > 0)) problems.push(`its frames are "${figures.frames}"`);
  if (!(number(figures.loss) < 50)) problems.push(`its loss is "${figures.loss}"`);
  if (!(number(figures.jitter) < 1000)) problems.push(`its jitter is "${figures.jitter}"`);
  return problems;
}

// What is missing from the own tile while camera and microphone are on. The high layer begins when the browser has
// measured that there is room for it; `layers` waits for it.
function ownProblems({ lane, figures }) {
  const problems = [];
  if (lane !== options.lane) problems.push(`its own lane is "${lane}"`);
  if (!/^(–|720p · \d+(\.\d+)? [kM]bit\/s)$/.test(figures.high)) problems.push(`it sends high "${figures.high}"`);
  if (!/^360p · \d+ kbit\/s$/.test(figures.low)) problems.push(`it sends low "${figures.low}"`);
  if (!/^\d+ kbit\/s$/.test(figures.voice)) problems.push(`it sends voice "${figures.voice}"`);
  if (!(number(figures.roundTrip) < 1000)) problems.push(`its round trip is "${figures.roundTrip}"`);
  return problems;
}

// Every client sees, hears and measures every other one.
function liveCall(clients) {
  const before = new Map();
  const spoken = new Set();
  const check = async client => {
    const seen = await observe(client);
    const last = before.get(client);
    before.set(client, seen);
    seen.others.filter(tile => tile.speaking).forEach(tile => spoken.add(`${client.name} ${tile.name}`));
    const problems = seen.others.flatMap((tile, i) => tileProblems(tile, last?.others[i]).map(text => `${tile.name}: ${text}`));
    if (!seen.status.startsWith('Connected.')) problems.push(seen.status);
    if (seen.others.length !== clients.length - 1) problems.push(`${seen.others.length} others`);
    if (!(seen.energy > (last?.energy ?? Infinity))) problems.push('hears nothing');
    if (!(seen.frames > (last?.frames ?? Infinity))) problems.push('decodes nothing');
    problems.push(...ownProblems(seen.own));
    for (const tile of seen.others) if (!spoken.has(`${client.name} ${tile.name}`)) problems.push(`${tile.name} never speaks`);
    return problems.map(text => `${client.name}: ${text}`);
  };
  return async () => (await Promise.all(clients.map(check))).flat();
}

// The tile that `client` has of the only other participant.
const other = async client => (await observe(client)).others[0];
const expecting = (client, condition, problem) => async () => {
  const tile = await other(client);
  return tile && condition(tile) ? [] : [`${client.name}: ${problem}, ${JSON.stringify(tile)}`];
};

async function marks(anna, ben) {
  await click(anna, '#microphone');
  await until(expecting(ben, tile => tile.muted, 'not muted'), TIMEOUT, 'anna mutes herself, and ben sees it');
  await click(anna, '#microphone');
  await until(expecting(ben, tile => !tile.muted, 'muted'), TIMEOUT, 'anna unmutes herself, and ben sees it');
  await click(anna, '#camera');
  await until(expecting(ben, tile => tile.note === 'Camera off' && tile.width === 0, 'still a picture'), TIMEOUT,
    'anna stops her camera, and ben sees it');
  await click(anna, '#camera');
  await until(liveCall([anna, ben]), TIMEOUT, 'anna starts her camera again');
}

async function layers(anna) {
  for (const [quality, layer] of [['low', 'low'], ['high', 'high'], ['auto', 'high']]) {
    await click(anna, `.quality input[value=${quality}]`);
    await until(expecting(anna, tile => tile.figures.layer.startsWith(layer), `not layer ${layer}`), TIMEOUT,
      `anna asks for quality ${quality}`);
  }
}

// Who knows the name of the call, as the server does, and not its key.
async function wrongKey(browser, clients) {
  const eve = await open(browser, 'eve', LINK, FORGER);
  const sealed = async client => {
    const seen = await observe(client);
    const tiles = client === eve ? seen.others : seen.others.filter(tile => tile.note.startsWith('Cannot'));
    const expected = client === eve ? clients.length : 1;
    const problems = tiles.length === expected ? [] : [`${client.name}: ${tiles.length} sealed tiles`];
    if (client === eve && seen.frames > 0) problems.push('eve decodes frames');
    if (client === eve && seen.energy > 0) problems.push('eve hears');
    return [...problems, ...tiles.filter(tile => !tile.note.startsWith('Cannot') || tile.width > 0)
      .map(tile => `${client.name}: ${tile.name} shows "${tile.note}" and ${tile.width} pixels`)];
  };
  await until(async () => (await Promise.all([eve, ...clients].map(sealed))).flat(), TIMEOUT,
    'with another key nothing is shown, to either side');
  await click(eve, '#leave');
  await until(liveCall(clients), TIMEOUT, 'eve leaves, and her tile goes');
}

async function otherLink(browser) {
  const dora = await open(browser, 'dora', OTHER_LINK);
  const isAlone = async () => {
    const { status, tiles } = await observe(dora);
    return tiles.length === 1 && status.includes('Nobody else') ? [] : [`${tiles.length} tiles, "${status}"`];
  };
  await until(isAlone, TIMEOUT, 'with another link one is in another call');
  await click(dora, '#leave');
}

async function restart(clients) {
  console.log('restart');
  const noticed = async ({ name, page }) => (await page.call('hasSaid', 'Connection lost') ? [] : [`not by ${name}`]);
  await until(async () => (await Promise.all(clients.map(noticed))).flat(), RECONNECT_TIMEOUT, 'the server crashes, and everybody notices');
  await until(liveCall(clients), RECONNECT_TIMEOUT, 'everybody is back');
}

async function leave(anna, ben) {
  await click(ben, '#leave');
  const isAlone = async () => {
    const { status, others } = await observe(anna);
    return others.length === 0 && status.includes('Nobody else') ? [] : [`${others.length} others, "${status}"`];
  };
  await until(isAlone, TIMEOUT, 'ben leaves, and his tile goes');
  await until(async () => (await ben.page.call('view') === 'lobby' ? [] : ['no lobby']), TIMEOUT, 'ben is outside');
}

// What the page says outside of a call.
async function problem(browser, text) {
  const { page } = await open(browser, 'anna', LINK);
  const says = async () => {
    const said = await page.call('problem');
    return said.includes(text) && await page.call('view') === 'lobby' ? [] : [`the page says "${said}"`];
  };
  await until(says, TIMEOUT, `the page says "${text}"`);
}

async function run(browser) {
  const answers = () => exchange(`${options.sft}/try`, { timeout: 1000 }).then(() => [], error => [error.message]);
  await until(answers, 15_000, 'the server serves the page');
  if (options.refused) {
    await problem(browser, options.refused);
    return [];
  }
  const problems = await vectorProblems(options.sft);
  const anna = await open(browser, 'anna', LINK);
  const ben = await open(browser, 'ben', LINK);
  await until(liveCall([anna, ben]), TIMEOUT, 'two pages see and hear each other');
  await marks(anna, ben);
  await layers(anna);
  await otherLink(browser);
  await wrongKey(browser, [anna, ben]);
  await restart([anna, ben]);
  await leave(anna, ben);
  return problems;
}

// Encoding for three pages at the full rate is more than two processors can do.
const browser = Chromium.launch(options.chromium, [
  `--unsafely-treat-insecure-origin-as-secure=${options.sft}`, '--use-fake-device-for-media-stream=fps=10',
]);
const problems = [...await run(browser).catch(error => [error.message]), ...errors];
await browser.close();
await new Promise(resolve => journal.end(resolve));
for (const problem of problems) say(`PROBLEM: ${problem}`);
say(problems.length === 0 ? 'the page is as it should be' : `log: ${options.output}`);
process.exit(problems.length === 0 ? 0 : 1);
