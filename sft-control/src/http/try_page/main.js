// The page from its load to a call: checks what the browser can, shows the own picture, joins.

import { CAN_ENCRYPT } from './connection.js';
import { Controls } from './controls.js';
import { LocalMedia } from './media.js';
import { decodeSecret, deriveCall, newSecret } from './secret.js';
import { Session } from './session.js';
import { deviceProblems, REASONS, STATES } from './words.js';

const find = id => document.getElementById(id);
const media = new LocalMedia();
let session = null;

// Why there can be no call here; null if there can.
function obstacle() {
  if (!window.isSecureContext) return 'insecure';
  if (!CAN_ENCRYPT) return 'browser';
  if (location.hash.length <= 1) history.replaceState(null, '', `#${newSecret()}`);
  return decodeSecret(location.hash.slice(1)) ? null : 'link';
}

function showDevices() {
  find('devices').textContent = deviceProblems(media.problems);
  const preview = find('preview');
  preview.srcObject = media.camera && new MediaStream([media.camera]);
  session?.arrange();
}

function showLobby(problem) {
  document.body.dataset.view = 'lobby';
  find('problem').textContent = problem;
  find('problem').hidden = problem === '';
}

async function trackChanged(kind) {
  await session?.call.trackChanged(kind);
  controls.show();
  showDevices();
}

const controls = new Controls({
  media,
  onMute: () => { session?.call.announce(); showDevices(); },
  onTrack: trackChanged,
  onLeave: () => session?.call.leave(),
});

// Who ends a call may come back to it: the link still holds the key.
async function join() {
  find('join').disabled = true;
  const identity = await deriveCall(decodeSecret(location.hash.slice(1)));
  session = new Session({ identity, media, onEnd: ended });
  document.body.dataset.view = 'call';
  find('microphone').focus();
  showDevices();
  await session.start();
}

function ended(reason) {
  session = null;
  find('join').disabled = false;
  find('join-text').textContent = 'Join again';
  showLobby(STATES[reason] ?? REASONS[reason] ?? REASONS.refused);
  find('join').focus();
}

async function start() {
  const reason = obstacle();
  // Another link pasted into the same tab is another call.
  addEventListener('hashchange', () => location.reload());
  if (reason) {
    showLobby(REASONS[reason]);
    document.body.dataset.view = 'closed';
    return;
  }
  find('join').addEventListener('click', join);
  // Others see at once that the tab was closed.
  addEventListener('pagehide', () => session?.call.leave());
  media.onEnded = trackChanged;
  find('join').disabled = false;
  await media.open();
  await Promise.all(['audio', 'video'].map(trackChanged));
}

start();
