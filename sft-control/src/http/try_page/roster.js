// Who is in the call, as the server's list and the participants themselves say, and which video slot shows whom.

import { QUALITIES, VIDEO_SLOTS } from './signalling.js';

// Names are for telling tiles apart, and everybody sees the same ones.
const NAMES = [
  'Avocet', 'Bittern', 'Chough', 'Curlew', 'Dipper', 'Dotterel', 'Dunlin', 'Egret', 'Fieldfare', 'Finch', 'Gannet',
  'Godwit', 'Heron', 'Hoopoe', 'Jackdaw', 'Kestrel', 'Kingfisher', 'Lapwing', 'Linnet', 'Martin', 'Nuthatch',
  'Oriole', 'Osprey', 'Petrel', 'Plover', 'Redstart', 'Ruff', 'Siskin', 'Tern', 'Twite', 'Wheatear', 'Wren',
];

export function nameOf(user) {
  const sum = Array.from(user).reduce((hash, character) => (31 * hash + character.charCodeAt(0)) >>> 0, 0);
  return `${NAMES[sum % NAMES.length]} ${user.slice(0, 2)}`;
}

const number = text => Number.parseInt(text, 10) || 0;

export class Roster {
  #own;
  #participants = new Map();
  #slots = new Array(VIDEO_SLOTS).fill(null);

  constructor(own) {
    this.#own = own;
  }

  // Takes the server's list in; what participants have said of themselves stays.
  update(entries) {
    const before = this.#participants;
    this.#participants = new Map(entries.map(entry => [entry.userid, {
      camera: false, size: '', quality: 'auto', ...before.get(entry.userid),
      user: entry.userid, name: nameOf(entry.userid), muted: before.get(entry.userid)?.muted ?? entry.muted ?? false,
      entry, audio: number(entry.ssrc_audio), video: number(entry.ssrc_video),
    }]));
    this.#assign();
  }

  // What a participant says of itself. `camera_size` is ours, and relayed like the others.
  setProperties(user, { muted, videosend, camera_size: size }) {
    const participant = this.#participants.get(user);
    if (!participant) return;
    Object.assign(participant, { muted: muted === 'true', camera: videosend === 'true', size: size ?? '' });
    this.#assign();
  }

  setQuality(user, quality) {
    const participant = this.#participants.get(user);
    if (participant) participant.quality = quality;
  }

  get self() {
    return this.#participants.get(this.#own);
  }

  get others() {
    return [...this.#participants.values()].filter(({ user }) => user !== this.#own);
  }

  // Others by the number that their frames carry.
  sources(kind) {
    return new Map(this.others.filter(other => other[kind] !== 0).map(other => [other[kind], other.user]));
  }

  userOfAudio(ssrc) {
    return this.others.find(({ audio }) => audio === ssrc)?.user;
  }

  slotOf(user) {
    return this.#slots.indexOf(user);
  }

  userInSlot(slot) {
    return this.#slots[slot];
  }

  // The selection to send, one entry per slot. It has no way to leave a slot out, so an empty one names this
  // participant itself, whom the server shows to nobody but others.
  selection() {
    const quality = user => QUALITIES[this.#participants.get(user)?.quality ?? 'auto'];
    return this.#slots.map(user => ({ userid: user ?? this.#own, quality: quality(user) }));
  }

  // Whoever has a slot keeps it while its camera is on: another slot means another key frame. With more cameras
  // than slots those who came last go without.
  #assign() {
    const filming = this.others.filter(({ camera }) => camera).map(({ user }) => user);
    this.#slots = this.#slots.map(user => (filming.includes(user) ? user : null));
    for (const user of filming.filter(user => !this.#slots.includes(user))) {
      const free = this.#slots.indexOf(null);
      if (free === -1) return;
      this.#slots[free] = user;
    }
  }
}
