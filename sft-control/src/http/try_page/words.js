// What the page says of states and problems.

export const STATES = {
  joining: 'Joining …',
  alone: 'Connected. Nobody else is here yet.',
  connected: 'Connected.',
  reconnecting: 'Connection lost, reconnecting …',
  left: 'You have left the call.',
};

// Why there is no call, by reason.
export const REASONS = {
  insecure: 'Browsers give camera, microphone and encryption to secure pages only. Open this page over https, or over '
    + 'http at localhost.',
  browser: 'This browser cannot encrypt media in the page. Current versions of Firefox, Chromium and Safari can.',
  link: 'The link is not complete: the part behind # is the key of the call. Copy the whole link, or start a new call.',
  outdated: 'The server takes this page for an outdated client.',
  token: 'This server admits only clients that have a token from its messaging backend. This page has none.',
  full: 'The server is full. Try again when a call has ended.',
  draining: 'The server is about to stop and takes no new calls.',
  refused: 'The server has refused the request.',
  broken: 'Server and browser do not understand each other. The console of the browser may say more.',
  unreachable: 'The server does not answer.',
  media: 'No way was found for the media: is the UDP port of the server reachable from here?',
  dropped: 'The server has ended this connection.',
};

// What is wrong with a device, by kind and problem.
const DEVICES = { audio: 'microphone', video: 'camera' };
const PROBLEMS = {
  forbidden: device => `No permission for the ${device}. You can allow it in the browser's settings for this page.`,
  missing: device => `No ${device} was found.`,
  busy: device => `The ${device} is in use by another program.`,
  ended: device => `The ${device} has been disconnected.`,
  broken: device => `The ${device} cannot be used.`,
};

export function deviceProblems(problems) {
  const found = Object.entries(problems).filter(([, problem]) => problem);
  return found.map(([kind, problem]) => PROBLEMS[problem](DEVICES[kind])).join(' ');
}

// Of a tile without a picture.
export const NOTES = {
  camera: 'Camera off',
  waiting: 'Waiting for the picture …',
  sealed: 'Cannot be decrypted: this participant has another key',
  slots: 'Nine cameras are shown at most',
};

export const LANES = { kernel: 'kernel', user: 'userspace' };

export function laneText({ lane, reason } = {}) {
  if (lane === 'kernel') return 'Media goes through the kernel (XDP).';
  if (lane === 'user') return `Media goes through userspace${reason ? `: ${reason}` : ''}.`;
  return '';
}
