// The call on the screen: keeps tiles, sound and figures in step with it.

import { Call } from './call.js';
import { Figures } from './figures.js';
import { nameOf } from './roster.js';
import { Speaking } from './speaking.js';
import { OwnTile, RemoteTile } from './tiles.js';
import { laneText, STATES } from './words.js';

const FIGURES_INTERVAL = 1_000;
const LANE_INTERVAL = 2_000;
// A participant whose last frames did not decrypt, and none of so long did, has another key.
const SEALED_TIME = 3_000;

const find = id => document.getElementById(id);

export class Session {
  #identity;
  #media;
  #call;
  #speaking;
  #timers = [];
  #asking = false;
  #onEnd;
  #tiles = new Map();
  #own;
  #figures = new Figures();
  #lane = {};
  // Per user: when its last frame decrypted, and when one did not.
  #frames = new Map();
  #state = 'joining';

  // `onEnd(reason)` when the call is over.
  constructor({ identity, media, onEnd }) {
    this.#identity = identity;
    this.#media = media;
    this.#onEnd = onEnd;
    this.#own = new OwnTile(nameOf(identity.user));
    find('tiles').replaceChildren(this.#own.element, find('alone'));
    this.#call = new Call({ identity, media, on: {
      state: (state, reason) => this.#turn(state, reason),
      changed: () => this.#arrange(),
      frames: counts => this.#note(counts),
    } });
    this.#speaking = new Speaking({
      receivers: () => this.#call.receivers('audio'),
      userOf: ssrc => this.#call.roster.userOfAudio(ssrc),
      show: speakers => this.#tiles.forEach((tile, user) => { tile.speaking = speakers.has(user); }),
    });
    this.#timers = [
      setInterval(() => this.#measure(), FIGURES_INTERVAL), setInterval(() => this.#askLane(), LANE_INTERVAL),
    ];
    this.#arrange();
  }

  get call() {
    return this.#call;
  }

  start() {
    return this.#call.join();
  }

  // Own picture and marks, and those of everybody else.
  arrange() {
    this.#arrange();
  }

  #turn(state, reason) {
    this.#state = state;
    if (state === 'ended') {
      this.#timers.forEach(clearInterval);
      this.#speaking.stop();
      find('voices').replaceChildren();
      find('status').textContent = '';
      this.#onEnd(reason);
      return;
    }
    this.#arrange();
    if (state === 'connected') this.#askLane();
  }

  // The lane can change during the call, and only the server knows it. One question at a time.
  async #askLane() {
    if (this.#asking || this.#state !== 'connected') return;
    this.#asking = true;
    this.#lane = await this.#call.lane() ?? this.#lane;
    this.#asking = false;
    for (const tile of [this.#own, ...this.#tiles.values()]) tile.lane = this.#lane;
    this.#say();
  }

  #say() {
    const alone = this.#state === 'connected' && this.#tiles.size === 0;
    const text = STATES[alone ? 'alone' : this.#state];
    const lane = this.#state === 'connected' ? laneText(this.#lane) : '';
    const status = find('status');
    // Screen readers read what changes, so that what stays must not be written again.
    if (status.textContent !== `${text} ${lane}`.trim()) status.textContent = `${text} ${lane}`.trim();
    status.dataset.state = this.#state;
    find('alone').hidden = !alone;
  }

  #arrange() {
    const { others } = this.#call.roster;
    this.#own.show(this.#media.camera);
    this.#own.muted = this.#media.muted;
    this.#own.note = this.#media.camera ? '' : 'Camera off';
    for (const [user, tile] of this.#tiles) {
      if (others.some(other => other.user === user)) continue;
      tile.element.remove();
      this.#tiles.delete(user);
    }
    for (const other of others) this.#arrangeOther(other);
    this.#call.receivers('audio').forEach((receiver, slot) => this.#play(slot, receiver.track));
    this.#say();
  }

  #arrangeOther({ user, name, muted, camera }) {
    let tile = this.#tiles.get(user);
    if (!tile) {
      tile = new RemoteTile({ user, name, onQuality: quality => this.#call.setQuality(user, quality) });
      tile.lane = this.#lane;
      this.#tiles.set(user, tile);
      find('tiles').append(tile.element);
    }
    const slot = this.#call.roster.slotOf(user);
    tile.muted = muted;
    tile.show(camera ? this.#call.receivers('video')[slot]?.track ?? null : null);
    tile.explain({ camera, hasSlot: slot !== -1, sealed: this.#isSealed(user), decoding: tile.decoding });
  }

  // Voices are not played by tiles: a slot's voice is now this participant's, now that one's.
  #play(slot, track) {
    const player = find('voices').children[slot] ?? find('voices').appendChild(new Audio());
    if ((player.srcObject?.getTracks()[0] ?? null) === track) return;
    player.srcObject = track && new MediaStream([track]);
    // A browser that plays nothing without a click gets one sooner or later.
    if (track) player.play().catch(() => addEventListener('click', () => player.play(), { once: true }));
  }

  #note(counts) {
    const now = performance.now();
    for (const { user, opened, refused } of counts) {
      const last = this.#frames.get(user) ?? { opened: -Infinity, refused: -Infinity };
      if (opened > 0) last.opened = now;
      if (refused > 0) last.refused = now;
      this.#frames.set(user, last);
    }
  }

  #isSealed(user) {
    const last = this.#frames.get(user);
    const recent = at => performance.now() - at < SEALED_TIME;
    return Boolean(last) && recent(last.refused) && !recent(last.opened);
  }

  async #measure() {
    const report = await this.#call.stats();
    if (!report) return;
    const figures = this.#figures.read(report);
    this.#own.figures(figures);
    this.#measureOthers(figures.received);
    this.#arrange();
  }

  // Statistics name m-lines, which the server numbers in the order of its slots (sft-protocol.md 5.1).
  #measureOthers(received) {
    const voices = this.#call.receivers('audio');
    for (const { user, size } of this.#call.roster.others) {
      const tile = this.#tiles.get(user);
      const voice = voices.indexOf(this.#speaking.receiverOf(user));
      const slot = this.#call.roster.slotOf(user);
      const video = slot === -1 ? null : received.get(String(voices.length + 1 + slot));
      tile.decoding = Boolean(video?.frames);
      tile.figures({ video, voice: voice === -1 ? null : received.get(String(voice + 1)), cameraSize: size });
    }
  }
}

