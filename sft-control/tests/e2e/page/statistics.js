// Sums of the browser's own statistics over all peer connections that the library makes.
'use strict';

const connections = [];

(() => {
  const Plain = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...parameters) {
      super(...parameters);
      connections.push(this);
    }
  };
})();

// What counts up, by the type and kind of its report and its name there (W3C webrtc-stats).
const COUNTERS = {
  'outbound-rtp video': ['framesEncoded', 'keyFramesEncoded', 'bytesSent'],
  'inbound-rtp video': [
    'framesDecoded', 'keyFramesDecoded', 'framesDropped', 'freezeCount', 'totalFreezesDuration', 'packetsLost',
    'packetsReceived', 'bytesReceived', 'pliCount', 'firCount',
  ],
  'inbound-rtp audio': [
    'concealedSamples', 'silentConcealedSamples', 'concealmentEvents', 'totalSamplesReceived', 'packetsLost',
    'packetsReceived',
  ],
};

// { 'inbound-rtp video': { freezeCount: 0, ... }, ... }, of the connections that are still open.
async function sumStatistics() {
  const sums = {};
  for (const [key, names] of Object.entries(COUNTERS)) sums[key] = Object.fromEntries(names.map(name => [name, 0]));
  for (const connection of connections.filter(each => each.connectionState !== 'closed')) {
    for (const report of (await connection.getStats()).values()) {
      const sum = sums[`${report.type} ${report.kind}`];
      for (const name of Object.keys(sum ?? {})) sum[name] += report[name] ?? 0;
    }
  }
  return sums;
}

// Types of the local candidates that are in use, and how relayed ones reach their server.
async function candidatesInUse() {
  const found = [];
  for (const connection of connections.filter(each => each.connectionState === 'connected')) {
    const reports = await connection.getStats();
    const transport = [...reports.values()].find(report => report.type === 'transport');
    const pair = reports.get(transport?.selectedCandidatePairId);
    const { candidateType, relayProtocol } = reports.get(pair?.localCandidateId) ?? {};
    found.push({ candidateType, relayProtocol });
  }
  return found;
}
