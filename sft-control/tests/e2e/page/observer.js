// Runs in the try page before its own scripts. The harness calls `window.client.*`, which looks at what a user would
// see, and at the statistics of the peer connections.
'use strict';

(() => {
  const report = (type, text) => window.toHarness(JSON.stringify({ type, text }));
  addEventListener('error', event => report('error', event.message));
  addEventListener('unhandledrejection', event => report('error', String(event.reason)));
  addEventListener('securitypolicyviolation', event => report('error', `forbidden: ${event.violatedDirective}`));

  const connections = [];
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...configuration) {
      super(...configuration);
      connections.push(this);
    }
  };

  async function received() {
    const open = connections.filter(connection => connection.connectionState === 'connected');
    const reports = await Promise.all(open.map(connection => connection.getStats()));
    const streams = reports.flatMap(report => [...report.values()]).filter(({ type }) => type === 'inbound-rtp');
    const sum = name => streams.reduce((total, stream) => total + (stream[name] ?? 0), 0);
    return { frames: sum('framesDecoded'), energy: sum('totalAudioEnergy') };
  }

  // Every status there was, also those that were there for a moment only.
  const statuses = [];
  addEventListener('DOMContentLoaded', () => {
    const status = document.querySelector('#status');
    new MutationObserver(() => statuses.push(status.textContent)).observe(status, { childList: true });
  });

  const shown = element => !element.hidden && element.getClientRects().length > 0;

  function tile(element) {
    const video = element.querySelector('video');
    const figures = [...element.querySelectorAll('[data-figure]')].map(cell => [cell.dataset.figure, cell.textContent]);
    return {
      name: element.getAttribute('aria-label'),
      own: element.classList.contains('own'),
      speaking: element.classList.contains('speaking'),
      muted: shown(element.querySelector('.muted')),
      note: element.querySelector('.note').textContent,
      lane: element.querySelector('.lane').textContent,
      width: shown(video) ? video.videoWidth : 0,
      played: shown(video) ? video.currentTime : 0,
      figures: Object.fromEntries(figures),
    };
  }

  window.client = {
    click: selector => document.querySelector(selector).click(),
    isReady: () => document.querySelector('#preview')?.videoWidth > 0 && !document.querySelector('#join').disabled,
    hasSaid: text => statuses.some(status => status.startsWith(text)),
    view: () => document.body.dataset.view,
    problem: () => document.querySelector('#problem').textContent,
    observe: async () => ({
      status: document.querySelector('#status').textContent,
      tiles: [...document.querySelectorAll('.tile')].map(tile),
      ...await received(),
    }),
  };
})();
