#!/usr/bin/env node
// A conference of two to six real clients, usually three, through one SFT of perhaps several. The exit status is 0
// when every client is established, hears the tone and sees the colour of every other one, all decrypted by the
// library's own worker, and the server's counters say that the expected lane made the copies.
//
// Lines on standard output ask whoever started this for something: `restart`, to crash and restart the server;
// `move`, to give this machine another address instead of the one that it has.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Backend } from './backend.mjs';
import { Chromium } from './chromium.mjs';
import { measure } from './figures.mjs';
import { Observation } from './observation.mjs';
import { exchange, forwardedCopies, occupancy, servePage, serveStun } from './services.mjs';

const { values: options } = parseArgs({ options: {
  sft: { type: 'string', multiple: true },        // base URL of the SFT, or of each that may serve the call
  metrics: { type: 'string', multiple: true },    // URLs of their metrics, in the same order
  output: { type: 'string' },                     // directory for the logs
  chromium: { type: 'string', default: 'chromium' },
  lane: { type: 'string', default: 'kernel' },    // the lane that must make every copy: kernel | user
  clients: { type: 'string', default: '3' },      // how many
  mls: { type: 'boolean', default: false },       // an MLS conference instead of a Proteus one
  video: { type: 'boolean', default: false },     // every client sends video
  leave: { type: 'boolean', default: false },     // in the end the clients leave one by one
  restart: { type: 'boolean', default: false },   // the server crashes in the middle
  move: { type: 'boolean', default: false },      // the clients change network in the middle
  vanish: { type: 'boolean', default: false },    // in the middle the last client is gone without a word
  toggle: { type: 'boolean', default: false },    // the first client's camera is off at first, then on, off, on
  firefox: { type: 'boolean', default: false },   // the library's code for Firefox
  fetch: { type: 'boolean', default: false },     // the page itself asks the SFT, as the web application does
  secret: { type: 'string' },                     // file with the secret that tokens are signed with
  token: { type: 'string' },                      // what clients have: start | join | expired | forged
  turn: { type: 'string' },                       // URL of a TURN server, for user `user` with password `secret`
  relayed: { type: 'string' },                    // every client has to be relayed, over this: udp | tcp
  figures: { type: 'boolean', default: false },   // measures a restless call, writes figures.json
  refused: { type: 'string' },                    // the status with which the SFT must refuse them
} });

const ESTABLISHED = 4;
const SETUP_TIMEOUT = 40_000;
const MEDIA_TIMEOUT = 25_000;
// A client notices a silent server after about 25 s, and its attempts to rejoin are seconds apart.
const RECONNECT_TIMEOUT = 90_000;
// How long changing addresses takes, and within what time the server must have followed.
const MOVE_TIMEOUT = 500;
const FOLLOW_TIMEOUT = 2_000;
const VANISH_TIMEOUT = 30_000;
// How long a server keeps the leg of a client that has gone elsewhere, and how long until it tells.
const SETUP_TIMER = 10_000 + 1_000;
const STEADY = 5_000;
const LEAST_COPIES = { audio: 100, video: 100 };

const NAMES = ['anna', 'ben', 'carl', 'dora', 'emil', 'fay'].slice(0, Number(options.clients));
const named = values => Object.fromEntries(NAMES.map((name, place) => [name, values[place]]));
const TONES = named([520, 750, 980, 1210, 1440, 1670]);
const COLOURS = named([
  [200, 30, 30], [30, 170, 30], [30, 30, 210], [200, 180, 30], [190, 40, 190], [30, 170, 190],
]);

const started = Date.now();
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const say = text => console.error(`      [${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);

fs.mkdirSync(options.output, { recursive: true });
const journal = fs.createWriteStream(path.join(options.output, 'events.jsonl'));
const record = (name, event) => journal.write(`${JSON.stringify({ ms: Date.now() - started, name, ...event })}\n`);

const conversation = crypto.randomUUID();
const clients = NAMES.map(name => ({
  name, userId: crypto.randomUUID(), clientId: crypto.randomBytes(8).toString('hex'), state: 0, updates: 0,
  offers: new Set(),
}));

async function until(condition, timeout, what) {
  const end = Date.now() + timeout;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`timeout: ${what}`);
    await sleep(100);
  }
}

// The answer to an UPDATE offer completes a reconnection.
function countUpdate(client, data) {
  const message = JSON.parse(data);
  if (message.type === 'UPDATE' && message.resp) client.updates += 1;
}

// Posts for the client.
async function postToSft(client, { url, data }) {
  try {
    const { status, text } = await exchange(url, { method: 'POST', body: data });
    record(client.name, { type: 'sft', url, request: data, status, response: text });
    if (status !== 200) return null;
    if (JSON.parse(text).type === 'SETUP') client.offers.add(new URL(url).origin);
    countUpdate(client, data);
    return { status, text };
  } catch (error) {
    record(client.name, { type: 'sft-failed', url, request: data, error: String(error) });
    return null;
  }
}

function onMessage(client, backend, message) {
  record(client.name, message);
  const answer = value => client.page.call('answerQuestion', message.question, value);
  switch (message.type) {
    case 'sft': return postToSft(client, message).then(answer);
    case 'posted': return message.status === 200 && countUpdate(client, message.request);
    case 'configuration': return answer(backend.configuration);
    case 'message': return backend.deliver(client, message);
    case 'wants-clients': return backend.announceClients(client);
    case 'wants-epoch': return backend.announceEpoch(client);
    case 'incoming': client.incoming = true; return undefined;
    case 'state': client.state = message.state; return say(`${client.name}: state ${message.state}`);
    case 'closed': client.closed = message.reason; return say(`${client.name}: closed for reason ${message.reason}`);
    case 'error': return say(`${client.name}: ${message.text}`);
    default: return undefined;
  }
}

async function open(client, browser, backend, pageUrl) {
  const handle = message => Promise.resolve(onMessage(client, backend, message))
    .catch(error => record(client.name, { type: 'harness', error: String(error) }));
  client.page = await browser.open(pageUrl, handle);
  backend.add(client);
  await client.page.call('initialise', {
    name: client.name, userId: client.userId, clientId: client.clientId, conversation,
    mls: options.mls, video: options.video && !(options.toggle && client === clients[0]),
    firefox: options.firefox, fetch: options.fetch, tones: TONES, colours: COLOURS,
    width: 640, height: 360, framesPerSecond: 10,
  });
}

async function joinAll(backend) {
  const [first, ...others] = clients;
  await first.page.call('start');
  await backend.join(first);
  for (const client of others) {
    await until(() => client.incoming, SETUP_TIMEOUT, `${client.name} is called`);
    await sleep(1000);
    await backend.announceClients(client);
    await client.page.call('answer');
    await backend.join(client);
  }
  await until(() => clients.every(client => client.state === ESTABLISHED), SETUP_TIMEOUT, 'everybody is established');
}

// Samples until nothing is missing, then on for a while: it must also stay so.
async function observe(what, observed = clients) {
  say(`observing ${what}`);
  const observation = new Observation(observed, { video: options.video });
  const end = Date.now() + MEDIA_TIMEOUT;
  do {
    await sleep(1000);
    await observation.sample();
  } while (observation.problems().length > 0 && Date.now() < end);
  const steady = Date.now() + STEADY;
  while (Date.now() < steady) {
    await sleep(1000);
    await observation.sample();
  }
  return [...observation.problems(), ...await checkLanes(), ...await checkCandidates()].map(problem => `${what}: ${problem}`);
}

async function checkLanes() {
  const copies = await forwardedCopies(options.metrics);
  say(`copies: ${JSON.stringify(copies)}`);
  const other = options.lane === 'kernel' ? 'user' : 'kernel';
  const problems = [];
  for (const kind of options.video ? ['audio', 'video'] : ['audio']) {
    if (copies[other][kind] > 0) problems.push(`${copies[other][kind]} ${kind} copies by the ${other} lane`);
    if (copies[options.lane][kind] < LEAST_COPIES[kind]) {
      problems.push(`only ${copies[options.lane][kind]} ${kind} copies by the ${options.lane} lane`);
    }
  }
  return problems;
}

// Whether media goes the way that it is left.
async function checkCandidates() {
  if (!options.relayed) return [];
  const problems = [];
  for (const client of clients) {
    const found = await client.page.call('candidates');
    say(`${client.name}: ${JSON.stringify(found)}`);
    const isRelayed = ({ candidateType, relayProtocol }) => candidateType === 'relay' && relayProtocol === options.relayed;
    if (found.length === 0 || !found.every(isRelayed)) problems.push(`${client.name} is not relayed over ${options.relayed}`);
  }
  return problems;
}

// Who starts a call asks several servers at once and takes the first that answers. The others have a leg that never
// connects, which they give up; everybody else goes where the first has gone.
async function checkRace() {
  const [first, ...others] = clients;
  const problems = [];
  if (first.offers.size !== options.sft.length) problems.push(`${first.name} has offers of ${[...first.offers]} only`);
  const elsewhere = others.filter(client => client.offers.size !== 1);
  problems.push(...elsewhere.map(client => `${client.name} has offers of ${[...client.offers]}`));
  const isOver = async () => {
    const found = await Promise.all(options.metrics.map(occupancy));
    say(`calls and participants: ${JSON.stringify(found)}`);
    const counts = found.map(({ calls, participants }) => `${calls}/${participants}`).sort();
    return counts.join() === [...Array(found.length - 1).fill('0/0'), `1/${clients.length}`].join();
  };
  await until(isOver, SETUP_TIMER, 'one server alone has the call');
  return problems;
}

async function crashServer() {
  for (const client of clients) client.updates = 0;
  say('the server crashes');
  console.log('restart');
  await until(() => clients.every(client => client.updates > 0), RECONNECT_TIMEOUT, 'every client exchanges its UPDATE');
  say('every client has exchanged its UPDATE');
}

async function changeNetwork() {
  for (const client of clients) client.updates = 0;
  say('the clients change network');
  console.log('move');
  await sleep(MOVE_TIMEOUT);
  // As the application does when the browser says so.
  await Promise.all(clients.map(client => client.page.call('networkChanged')));
  const told = Date.now();
  await until(() => clients.every(client => client.updates > 0), FOLLOW_TIMEOUT, 'every client exchanges its UPDATE');
  say(`every client has exchanged its UPDATE within ${Date.now() - told} ms`);
}

// Whether these clients alone are left, as each of them sees it.
async function areAlone(remaining) {
  const settled = async client => {
    const { state, members } = await client.page.call('observe');
    return state === ESTABLISHED && members === remaining.length;
  };
  return (await Promise.all(remaining.map(settled))).every(Boolean);
}

// The last client's browser dies, and with it every word that the client could say.
async function vanish(browser) {
  const [gone, ...others] = [...clients].reverse();
  const remaining = others.reverse();
  say(`${gone.name} vanishes`);
  const vanished = Date.now();
  browser.crash();
  await until(() => areAlone(remaining), VANISH_TIMEOUT, `${gone.name} is gone for the others`);
  say(`${gone.name} is gone for the others after ${((Date.now() - vanished) / 1000).toFixed(1)} s`);
  return remaining;
}

// A token as the backend issues it (sft-protocol.md 3.7), valid or not.
function token() {
  if (!options.token) return undefined;
  const secret = fs.readFileSync(options.secret, 'utf8').trim();
  const expiry = Math.floor(Date.now() / 1000) + (options.token === 'expired' ? -60 : 3600);
  const username = `d=${expiry}.v=1.k=0.s=${options.token === 'join' ? 0 : 1}.r=qwertyuiopasdfgh`;
  const key = options.token === 'forged' ? `${secret}?` : secret;
  return { username, credential: crypto.createHmac('sha512', key).update(username).digest('base64') };
}

// Reasons that the library gives its application, by the status of the SFT.
const REASONS = { 1: 11, 2: 14, 3: 14, 4: 14, 5: 15 };

// The first client starts a call and is told why not.
async function refusal() {
  const [first] = clients;
  await first.page.call('start');
  await until(() => first.closed !== undefined, SETUP_TIMEOUT, `${first.name} is refused`);
  const expected = REASONS[options.refused];
  return first.closed === expected ? [] : [`closed for reason ${first.closed} instead of ${expected}`];
}

async function toggleCamera() {
  const [first] = clients;
  for (const on of [true, false, true]) {
    say(`${first.name}: camera ${on ? 'on' : 'off'}`);
    await first.page.call('sendVideo', on);
    await sleep(3000);
  }
}

async function leaveOneByOne(backend) {
  const remaining = [...clients];
  while (remaining.length > 1) {
    const leaver = remaining.pop();
    say(`${leaver.name} leaves`);
    await leaver.page.call('end');
    await backend.leave(leaver);
    await until(() => areAlone(remaining), 10_000,
      `${remaining.map(client => client.name)} stay in the call with ${remaining.length} participants`);
  }
}

async function run(browsers, services) {
  const ice = { urls: [options.turn ?? services.stun.url], username: 'user', credential: 'secret' };
  const backend = new Backend({ sfts: options.sft, ice, mls: options.mls, token: token() });
  for (const url of options.sft) {
    const answers = () => exchange(`${url}/sft/status`, { timeout: 1000 }).then(() => true, () => false);
    await until(answers, 15_000, 'the server answers');
  }
  for (const [place, client] of clients.entries()) {
    const isLast = place === clients.length - 1;
    await open(client, isLast ? browsers.at(-1) : browsers[0], backend, services.page.url);
  }
  if (options.refused) return refusal();
  await joinAll(backend);
  if (options.figures) {
    say('measuring');
    fs.writeFileSync(path.join(options.output, 'figures.json'), JSON.stringify(await measure(clients)));
    return checkLanes();
  }
  if (options.toggle) await toggleCamera();
  const problems = await observe('the call');
  if (options.sft.length > 1) problems.push(...await checkRace());
  if (options.restart) {
    await crashServer();
    problems.push(...await observe('the call after the crash'));
  }
  if (options.move) {
    await changeNetwork();
    problems.push(...await observe('the call in the other network'));
  }
  if (options.vanish) problems.push(...await observe('the call of the others', await vanish(browsers.at(-1))));
  if (options.leave) await leaveOneByOne(backend);
  return problems;
}

const services = { page: await servePage(), stun: await serveStun() };
// Who vanishes has a browser of its own.
const browsers = Array.from({ length: options.vanish ? 2 : 1 }, () => Chromium.launch(options.chromium));
const problems = await run(browsers, services).catch(error => [error.message]);
await Promise.all(browsers.map(browser => browser.close()));
for (const service of Object.values(services)) service.close();
await new Promise(resolve => journal.end(resolve));
for (const problem of problems) say(`PROBLEM: ${problem}`);
say(problems.length === 0 ? 'the call is as it should be' : `logs: ${options.output}`);
process.exit(problems.length === 0 ? 0 : 1);
