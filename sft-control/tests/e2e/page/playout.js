// When what is played now was recorded, on the clock that sender reports name: Chromium's estimate for an audio and
// a video stream that belong together. It makes one for streams of one MediaStream only, and every slot is offered
// as one of its own; so the offer is changed, for this page only, to put audio slot n and video slot n into one.
'use strict';

const playout = (() => {
  const connections = [];

  function pairSlots(sdp) {
    const slots = { audio: 0, video: 0 };
    return sdp.split(/^(?=m=)/m).map(section => {
      const kind = /^m=(audio|video)/.exec(section)?.[1];
      if (!kind || !section.includes('a=sendonly')) return section;
      return section.replace(/^(a=ssrc:\d+ msid:)\S+/mg, `$1pair-${slots[kind]++}`);
    }).join('');
  }

  const Plain = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Plain {
    constructor(...configuration) {
      super(...configuration);
      connections.push(this);
    }
    setRemoteDescription({ type, sdp }) {
      return super.setRemoteDescription({ type, sdp: pairSlots(sdp) });
    }
  };

  async function streamsOf(connection) {
    const stats = await connection.getStats();
    return [...stats.values()].filter(entry => entry.type === 'inbound-rtp' && entry.packetsReceived > 0)
      .map(({ kind, ssrc, remoteId, estimatedPlayoutTimestamp }) => ({
        kind, user: decryptedUsers[ssrc], recorded: estimatedPlayoutTimestamp, reports: stats.get(remoteId)?.reportsSent ?? 0,
      }));
  }

  // Streams that something came of: kind, user, number of sender reports, and in ms when what is played was recorded,
  // if that is known.
  return async () => {
    const connected = connections.filter(connection => connection.connectionState === 'connected');
    return (await Promise.all(connected.map(streamsOf))).flat();
  };
})();
