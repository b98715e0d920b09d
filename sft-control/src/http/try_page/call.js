// A call from the join to its end: who is in it, what is sent and shown, and coming back after a lost connection.

import { Connection } from './connection.js';
import { Refused, Server } from './signalling.js';
import { Roster } from './roster.js';

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 8_000;
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

export class Call {
  #identity;
  #media;
  #worker;
  #server;
  #connection = null;
  #on;
  // What the server has been told over this connection.
  #selection = '';
  #announced = false;
  // 'joining', 'connected', 'reconnecting' or 'ended'
  #state = 'joining';
  roster;

  // `on` has state(state, reason), changed() when somebody has come, gone or changed, and frames(counts) with what
  // decrypted and what did not.
  constructor({ identity, media, on }) {
    this.#identity = identity;
    this.#media = media;
    this.#on = on;
    this.#server = new Server(identity);
    this.roster = new Roster(identity.user);
    this.#worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
    this.#worker.addEventListener('message', ({ data }) => on.frames(data));
    this.#worker.postMessage({ type: 'call', key: identity.key, user: identity.user });
  }

  // Ends in the state 'connected' or 'ended'.
  async join() {
    this.#turn('joining');
    try {
      await this.#connect({ update: false });
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error);
      this.#end(error.reason ?? 'broken');
    }
  }

  async leave() {
    if (this.#state === 'connected') await this.#connection.channel.hangup();
    this.#end('left');
  }

  // The microphone or the camera is another one, or none.
  async trackChanged(kind) {
    await this.#connection?.send(kind, kind === 'audio' ? this.#media.microphone : this.#media.camera);
    this.announce();
  }

  // Tells everybody whether the microphone and the camera are on.
  announce() {
    this.#connection?.channel?.announce({
      videosend: String(Boolean(this.#media.camera)), screensend: 'false', audiocbr: 'false',
      muted: String(this.#media.muted), camera_size: this.#media.cameraSize,
    });
  }

  setQuality(user, quality) {
    this.roster.setQuality(user, quality);
    this.#select();
  }

  // Receivers of the slots by kind; none while there is no connection.
  receivers(kind) {
    return this.#connection?.[kind] ?? [];
  }

  // The browser's statistics; null while there is no connection.
  async stats() {
    return this.#state === 'connected' ? this.#connection.stats() : null;
  }

  lane() {
    return this.#server.lane().catch(() => null);
  }

  #turn(state, reason) {
    this.#state = state;
    this.#on.state(state, reason);
  }

  #end(reason) {
    if (this.#state === 'ended') return;
    this.#turn('ended', reason);
    this.#connection?.close();
    this.#worker.terminate();
  }

  async #connect({ update }) {
    this.#connection?.close();
    this.#selection = '';
    this.#announced = false;
    const connection = new Connection({
      worker: this.#worker, server: this.#server, identity: this.#identity,
      on: {
        participants: entries => this.#participants(entries),
        properties: (user, props) => { this.roster.setProperties(user, props); this.#select(); },
        hangup: () => this.#end('dropped'),
        pong: () => {},
      },
      onLost: () => this.#reconnect(),
    });
    this.#connection = connection;
    await connection.open({ update, tracks: { audio: this.#media.microphone, video: this.#media.camera } });
    if (this.#connection !== connection || this.#state === 'ended') return connection.close();
    this.#turn('connected');
  }

  // Until it succeeds, the user leaves, or the server says that it has no use.
  async #reconnect() {
    if (this.#state !== 'connected') return;
    this.#turn('reconnecting');
    for (let pause = FIRST_PAUSE; this.#state === 'reconnecting'; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        await this.#connect({ update: true });
      } catch (error) {
        if (error.final) this.#end(error.reason);
        else await sleep(pause);
      }
    }
  }

  #participants(entries) {
    this.roster.update(entries);
    const { self, others } = this.roster;
    this.#worker.postMessage({
      type: 'participants',
      own: { audio: self?.audio ?? 0, video: self?.video ?? 0 },
      sources: { audio: this.roster.sources('audio'), video: this.roster.sources('video') },
    });
    // Now the server has the channel open, too; before, what this participant says of itself may be lost.
    if (!this.#announced) this.announce();
    this.#announced = true;
    this.#connection.channel.authorise(others.map(({ entry }) => entry));
    this.#select();
  }

  #select() {
    const selection = this.roster.selection();
    const text = JSON.stringify(selection);
    if (text !== this.#selection) {
      this.#selection = text;
      this.#connection?.channel?.selectStreams(selection);
    }
    this.#on.changed();
  }
}
