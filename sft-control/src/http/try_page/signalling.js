// What is said to the server: the join over HTTP (sft-protocol.md 3), then messages on the data channel
// (sft-protocol.md 9).

const VERSION = '3.0';
const CLIENT = '_';
// Simulcast is for clients from version 10 on and for development builds, which are version 0 and which no
// operator can call outdated (sft-protocol.md 3.8).
const TOOL = { tool: 'try page', toolver: '0.0.1' };
const HTTP_TIMEOUT = 15_000;
const PING_INTERVAL = 5_000;
const MOST_UNANSWERED_PINGS = 4;
export const AUDIO_SLOTS = 5;
export const VIDEO_SLOTS = 9;
export const QUALITIES = { auto: 0, low: 1, high: 2 };

// By the status of a CONFCONN reply; the reasons are keys of `words.js`.
const REFUSALS = { 1: 'outdated', 2: 'token', 3: 'token', 4: 'token', 5: 'token' };
// By the status of HTTP.
const HTTP_REFUSALS = { 303: 'draining', 503: 'full' };

// Somebody could not join. `final`: asking again has no use.
export class Refused extends Error {
  constructor(reason, { final = false } = {}) {
    super(reason);
    this.reason = reason;
    this.final = final;
  }
}

// One participant, as seen from the server's HTTP side. The page's own place is the base of all its addresses.
export class Server {
  #base = new URL('.', document.baseURI);
  #identity;
  #answerKind = 'SETUP';

  constructor(identity) {
    this.#identity = identity;
  }

  // Asks for an offer. `update`: this participant was in the call already.
  async requestOffer({ update }) {
    const reply = await this.#post({
      type: 'CONFCONN', resp: false, update, ...TOOL, env: 0, status: 0,
      selective_audio: true, selective_video: true, vstreams: VIDEO_SLOTS,
    });
    if (reply.type === 'CONFCONN') throw new Refused(REFUSALS[reply.status] ?? 'refused', { final: true });
    if (reply.sessid?.toLowerCase() !== this.#identity.group || !reply.sdp) throw new Refused('broken');
    this.#answerKind = reply.type;
    if (reply.url) this.#follow(reply.url);
    return reply.sdp;
  }

  postAnswer(sdp) {
    return this.#post({ type: this.#answerKind, resp: true, sdp, props: {} });
  }

  // Lane and reason; null while the server does not know the call.
  async lane() {
    const url = new URL(`try/lane/${this.#identity.group}`, this.#base);
    const response = await fetch(url, { signal: AbortSignal.timeout(HTTP_TIMEOUT) });
    return response.ok ? response.json() : null;
  }

  // Behind a load balancer the offer's URL leads to the one process that made it. One at another origin is that
  // process by another name, and the page may not ask other origins.
  #follow(url) {
    const place = new URL(url.replace(/\/*$/, '/'));
    if (place.origin === location.origin) this.#base = place;
  }

  async #post(message) {
    const body = JSON.stringify({ ...envelope(this.#identity), dest_userid: 'SFT', dest_clientid: CLIENT, ...message });
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body, signal: AbortSignal.timeout(HTTP_TIMEOUT) };
    const response = await fetch(new URL(`sft/${this.#identity.group}`, this.#base), request)
      .catch(() => { throw new Refused('unreachable'); });
    if (!response.ok) throw new Refused(HTTP_REFUSALS[response.status] ?? 'refused');
    return response.json().catch(() => { throw new Refused('broken'); });
  }
}

function envelope({ group, user }) {
  return { version: VERSION, sessid: group, src_userid: user, src_clientid: CLIENT };
}

// The data channel of one connection. `on` has participants(message), properties(user, props), hangup(),
// lost(), pong(ms).
export class Channel {
  #channel;
  #identity;
  #on;
  #pings = { sent: 0, unanswered: 0, timer: null };
  #left = null;

  constructor(channel, identity, on) {
    this.#channel = channel;
    this.#identity = identity;
    this.#on = on;
    channel.addEventListener('message', ({ data }) => this.#receive(data));
    channel.addEventListener('close', () => this.#on.lost());
    this.#pings.timer = setInterval(() => this.#ping(), PING_INTERVAL);
  }

  // Whom this client lets hear and see it: everybody whom the list names. Who knows the call's name but has
  // another key gets media that does not decrypt.
  authorise(participants) {
    const entries = participants.map(participant => ({ ...participant, authorized: true }));
    this.#send('CONFPART', {
      resp: true, should_start: false, timestamp: '0', seqno: '0', entropy: '', participants: entries, sfts: [],
    });
  }

  // `streams`: one { userid, quality } for each video slot, in the order of the slots.
  selectStreams(streams) {
    this.#send('CONFSTREAMS', { resp: false, mode: 'list', streams });
  }

  announce(props) {
    this.#send('PROPSYNC', { resp: false, props });
  }

  // Resolves when the server has answered, or after a second.
  async hangup() {
    const answered = new Promise(resolve => { this.#left = resolve; });
    this.#send('HANGUP', { resp: false });
    await Promise.race([answered, new Promise(resolve => setTimeout(resolve, 1000))]);
  }

  close() {
    clearInterval(this.#pings.timer);
    this.#on = { participants() {}, properties() {}, hangup() {}, lost() {}, pong() {} };
    this.#channel.close();
  }

  #ping() {
    if (this.#pings.unanswered > MOST_UNANSWERED_PINGS) return this.#on.lost();
    this.#pings.unanswered += 1;
    this.#pings.sent = performance.now();
    this.#send('PING', { resp: false });
  }

  #send(type, content) {
    if (this.#channel.readyState !== 'open') return;
    const to = { dest_userid: 'sft', dest_clientid: 'SFT' };
    this.#channel.send(JSON.stringify({ ...envelope(this.#identity), ...to, type, ...content }));
  }

  #receive(data) {
    const message = JSON.parse(data);
    switch (message.type) {
      case 'CONFPART': return this.#on.participants(message.participants);
      case 'PROPSYNC': return this.#on.properties(message.src_userid, message.props ?? {});
      case 'HANGUP': return message.resp ? this.#left?.() : this.#on.hangup();
      case 'PING':
        if (!message.resp) return undefined;
        this.#pings.unanswered = 0;
        return this.#on.pong(performance.now() - this.#pings.sent);
      default: return undefined;
    }
  }
}
