// One peer connection to the server: the offer's m-lines, the layers of video, encryption, and how it ends.

import { Channel, Refused } from './signalling.js';

const CONNECT_TIMEOUT = 15_000;
const GATHER_TIMEOUT = 2_000;
// A connection that is down for so long is given up for a new one.
const DISCONNECTED_TIMEOUT = 3_000;
// What clients publish (sft-protocol.md 10.5).
const LAYERS = {
  h: { scaleResolutionDownBy: 1, maxBitrate: 3_000_000 },
  l: { scaleResolutionDownBy: 2, maxBitrate: 500_000 },
};
const SLOT_MID = /^\d+$/;

// The current way to reach encoded frames, and the one of Chromium before it.
const HAS_SCRIPT_TRANSFORM = 'RTCRtpScriptTransform' in globalThis;
export const CAN_ENCRYPT = HAS_SCRIPT_TRANSFORM
  || 'createEncodedStreams' in (globalThis.RTCRtpSender?.prototype ?? {});

// Has `worker` encrypt what a sender sends, or decrypt what a receiver gets.
function attach(worker, end, options) {
  if (HAS_SCRIPT_TRANSFORM) {
    end.transform = new RTCRtpScriptTransform(worker, options);
    return;
  }
  const { readable, writable } = end.createEncodedStreams();
  worker.postMessage({ type: 'streams', ...options, readable, writable }, [readable, writable]);
}

// The server spells the data channel as the original does (sft-protocol.md 5.1), which Firefox has forgotten.
const modern = sdp => sdp
  .replace('m=application 9 DTLS/SCTP 5000', 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel')
  .replace('a=sctpmap:5000 webrtc-datachannel 16', 'a=sctp-port:5000');

// Fails with `error` if the promise takes longer.
function within(ms, promise, error) {
  const timeout = new Promise((_, reject) => setTimeout(() => reject(error), ms));
  return Promise.race([promise, timeout]);
}

export class Connection {
  #pc;
  #lost;
  #disconnected = null;
  // Senders by kind.
  #senders = {};
  channel = null;
  // Receivers of the slots, in the order of the slots.
  audio = [];
  video = [];

  // `onLost` is called once, when the connection has broken down.
  constructor({ worker, server, identity, on, onLost }) {
    this.worker = worker;
    this.server = server;
    this.identity = identity;
    this.on = on;
    this.#lost = onLost;
    this.#pc = new RTCPeerConnection({
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
      ...(!HAS_SCRIPT_TRANSFORM && { encodedInsertableStreams: true }),
    });
  }

  // Connects; resolves when the data channel is open. `tracks`: what is sent from the start, by kind.
  async open({ update, tracks }) {
    const sdp = await this.server.requestOffer({ update });
    const opened = this.#channelOpened();
    await this.#pc.setRemoteDescription({ type: 'offer', sdp: modern(sdp) });
    this.#prepare();
    await this.#pc.setLocalDescription(await this.#pc.createAnswer());
    await this.#shapeVideo();
    await Promise.all(Object.entries(tracks).map(([kind, track]) => this.send(kind, track)));
    await this.#gathered();
    await this.server.postAnswer(this.#pc.localDescription.sdp);
    await within(CONNECT_TIMEOUT, opened, new Refused('media'));
    this.#pc.addEventListener('connectionstatechange', () => this.#watch());
    this.#watch();
  }

  // Sends a track in place of the last one; null sends nothing.
  send(kind, track) {
    return this.#senders[kind]?.replaceTrack(track);
  }

  stats() {
    return this.#pc.getStats();
  }

  close() {
    this.#lost = () => {};
    clearTimeout(this.#disconnected);
    this.channel?.close();
    this.#pc.close();
  }

  // Encryption is in place before there is anything to encrypt.
  #prepare() {
    for (const transceiver of this.#pc.getTransceivers()) {
      const { kind } = transceiver.receiver.track;
      if (SLOT_MID.test(transceiver.mid)) {
        attach(this.worker, transceiver.receiver, { side: 'receive', kind });
        this[kind].push(transceiver.receiver);
      } else {
        transceiver.direction = 'sendonly';
        attach(this.worker, transceiver.sender, { side: 'send', kind });
        this.#senders[kind] = transceiver.sender;
      }
    }
  }

  async #shapeVideo() {
    const parameters = this.#senders.video.getParameters();
    for (const encoding of parameters.encodings) Object.assign(encoding, LAYERS[encoding.rid]);
    await this.#senders.video.setParameters(parameters);
  }

  // The server opens the channel and speaks at once: whoever listens late misses the participant list.
  #channelOpened() {
    return new Promise(resolve => this.#pc.addEventListener('datachannel', ({ channel }) => {
      this.channel = new Channel(channel, this.identity, { ...this.on, lost: () => this.#breakDown() });
      if (channel.readyState === 'open') resolve();
      else channel.addEventListener('open', resolve);
    }));
  }

  // Host candidates only, since no ICE servers are given. One that is late is found by the server's checks.
  #gathered() {
    const complete = new Promise(resolve => {
      const check = () => this.#pc.iceGatheringState === 'complete' && resolve();
      this.#pc.addEventListener('icegatheringstatechange', check);
      check();
    });
    return Promise.race([complete, new Promise(resolve => setTimeout(resolve, GATHER_TIMEOUT))]);
  }

  #watch() {
    clearTimeout(this.#disconnected);
    switch (this.#pc.connectionState) {
      case 'failed':
      case 'closed':
        return this.#breakDown();
      case 'disconnected':
        this.#disconnected = setTimeout(() => this.#breakDown(), DISCONNECTED_TIMEOUT);
        return undefined;
      default:
        return undefined;
    }
  }

  #breakDown() {
    const lost = this.#lost;
    this.#lost = () => {};
    lost();
  }
}
