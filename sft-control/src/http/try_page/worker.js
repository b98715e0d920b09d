// Encrypts what leaves and decrypts what comes, frame by frame, off the page's thread. A frame that cannot be
// encrypted is not sent, and one that does not decrypt is not played.
import { frameIv, readHeader, TAG_LENGTH, writeHeader } from './frame.js';
import { derive } from './secret.js';

const KEY_ID = 0;
const IV_LENGTH = 12;
const REPORT_INTERVAL = 500;   // ms

let key = null;
let user = null;
// Own numbers in the participant list, by kind; the server announces them.
let own = { audio: 0, video: 0 };
// Whose frames carry which number, by kind.
let sources = { audio: new Map(), video: new Map() };
// By kind; random starts, as other clients have them. Both layers of a video share a counter, as they share the IV.
const counters = crypto.getRandomValues(new Uint32Array(2));
const COUNTER = { audio: 0, video: 1 };
const baseIvs = new Map();
// Frames since the last report, as { kind, user, opened, refused }.
let seen = new Map();

function baseIv(kind, of) {
  const name = `${kind} ${of}`;
  if (!baseIvs.has(name)) baseIvs.set(name, derive(new TextEncoder().encode(of), `${kind}_iv`, '', IV_LENGTH));
  return baseIvs.get(name);
}

async function encrypt(kind, frame, controller) {
  if (!key || !own[kind]) return;
  const place = COUNTER[kind];
  const header = { counter: counters[place], keyId: KEY_ID, csrc: own[kind] };
  counters[place] += 1;
  const bytes = writeHeader(header);
  const iv = frameIv(await baseIv(kind, user), header);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bytes }, key, frame.data);
  const data = new Uint8Array(bytes.length + sealed.byteLength);
  data.set(bytes);
  data.set(new Uint8Array(sealed), bytes.length);
  frame.data = data.buffer;
  controller.enqueue(frame);
}

async function decrypt(kind, frame, controller) {
  const bytes = new Uint8Array(frame.data);
  const header = readHeader(bytes);
  if (!key || !header || bytes.length < header.length + TAG_LENGTH) return;
  // The number that the server put into the packet stands in for one that the sender did not write.
  const source = header.csrc ?? frame.getMetadata().contributingSources?.[0];
  const sender = sources[kind].get(source);
  if (!sender) return;
  const iv = frameIv(await baseIv(kind, sender), header);
  const parameters = { name: 'AES-GCM', iv, additionalData: bytes.subarray(0, header.length) };
  try {
    frame.data = await crypto.subtle.decrypt(parameters, key, bytes.subarray(header.length));
  } catch {
    return count(kind, sender, 'refused');
  }
  count(kind, sender, 'opened');
  controller.enqueue(frame);
}

function count(kind, sender, result) {
  const name = `${kind} ${sender}`;
  const entry = seen.get(name) ?? { kind, user: sender, opened: 0, refused: 0 };
  entry[result] += 1;
  seen.set(name, entry);
}

function start({ readable, writable, side, kind }) {
  const change = side === 'send' ? encrypt : decrypt;
  const transform = new TransformStream({ transform: (frame, controller) => change(kind, frame, controller) });
  // Ends when its peer connection is closed, and nobody waits for it.
  readable.pipeThrough(transform).pipeTo(writable).catch(() => {});
}

self.addEventListener('rtctransform', ({ transformer }) => {
  const { readable, writable, options } = transformer;
  start({ readable, writable, ...options });
});

self.addEventListener('message', ({ data: message }) => {
  switch (message.type) {
    case 'call':
      ({ key, user } = message);
      break;
    case 'participants':
      ({ own, sources } = message);
      break;
    case 'streams':
      start(message);
      break;
  }
});

setInterval(() => {
  if (seen.size > 0) self.postMessage([...seen.values()]);
  seen = new Map();
}, REPORT_INTERVAL);
