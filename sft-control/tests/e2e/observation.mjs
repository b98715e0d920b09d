// What every client must have heard, seen and decrypted in a stretch of a call.

const ESTABLISHED = 4;

// An echo lasts; a click where lost audio was concealed holds every frequency for a moment.
const ECHO_SAMPLES = 3;

// Audio and video of one user that are played now may have been recorded so far apart, in ms. Chromium moves them
// together slowly, and stops at 30.
const LIP_SYNC = 150;

// Collects samples of all clients and says what is still missing or was ever wrong.
export class Observation {
  #clients;
  #video;
  #first = new Map();
  #last = new Map();
  #heard = new Map();
  #seen = new Map();
  #wrong = new Set();
  #echo = new Map();

  constructor(clients, { video }) {
    this.#clients = clients;
    this.#video = video;
    for (const client of clients) {
      this.#heard.set(client, new Set());
      this.#seen.set(client, new Set());
    }
  }

  async sample() {
    await Promise.all(this.#clients.map(async client => this.#add(client, await client.page.call('observe'))));
  }

  #add(client, sample) {
    if (!this.#first.has(client)) this.#first.set(client, sample);
    this.#last.set(client, sample);
    const echo = sample.tones.includes(client.name) ? (this.#echo.get(client) ?? 0) + 1 : 0;
    this.#echo.set(client, echo);
    if (echo === ECHO_SAMPLES) this.#wrong.add(`${client.name} hears itself`);
    for (const name of sample.tones) {
      this.#heard.get(client).add(name);
    }
    for (const [user, colour] of Object.entries(sample.colours)) {
      const name = this.#nameOf(user);
      // The last picture of who is gone may stay.
      if (!name) continue;
      if (colour === name) this.#seen.get(client).add(name);
      else if (colour !== null) this.#wrong.add(`${client.name} sees the picture of ${colour} as that of ${name}`);
    }
  }

  // Sentences; none means that the call is as it should be.
  problems() {
    return [...this.#wrong, ...this.#clients.flatMap(client => this.#missing(client)), ...this.#asynchronous()];
  }

  // What the last samples say of audio and video that are played together. Chromium pairs slots, and which users are
  // in the two of a pair is chance: of three clients, one at least has both streams of a user in one.
  #asynchronous() {
    if (!this.#video) return [];
    const problems = [];
    let pairs = 0;
    for (const [client, { playout }] of this.#last) {
      const known = kind => playout.filter(stream => stream.kind === kind && stream.recorded && this.#nameOf(stream.user));
      for (const audio of known('audio')) {
        for (const video of known('video').filter(stream => stream.user === audio.user)) {
          const ahead = Math.round(video.recorded - audio.recorded);
          pairs += 1;
          if (Math.abs(ahead) > LIP_SYNC) {
            problems.push(`${client.name} sees ${this.#nameOf(audio.user)} ${ahead} ms ahead of what it hears`);
          }
        }
      }
    }
    if (pairs === 0) problems.push('nobody knows when audio and video of one user were recorded');
    return problems;
  }

  #nameOf(user) {
    return this.#clients.find(other => other.userId === user)?.name;
  }

  #missing(client) {
    const last = this.#last.get(client);
    if (!last) return [`${client.name} was never observed`];
    const problems = [];
    if (last.state !== ESTABLISHED) problems.push(`${client.name} is in state ${last.state}`);
    for (const other of this.#clients.filter(other => other !== client)) {
      if (!this.#heard.get(client).has(other.name)) problems.push(`${client.name} does not hear ${other.name}`);
      if (this.#video && !this.#seen.get(client).has(other.name)) problems.push(`${client.name} does not see ${other.name}`);
      for (const kind of ['audio', this.#video && 'video'].filter(Boolean)) {
        if (this.#decrypted(client, kind, other) === 0) problems.push(`${client.name} decrypts no ${kind} of ${other.name}`);
        const isReported = stream => stream.kind === kind && stream.user === other.userId && stream.reports > 0;
        if (!last.playout.some(isReported)) problems.push(`${client.name} has no sender report on ${kind} of ${other.name}`);
      }
    }
    return problems;
  }

  // Frames that the library's worker decrypted between the first and the last sample.
  #decrypted(client, kind, other) {
    const count = sample => sample.decrypted[`${kind} ${other.userId}`] ?? 0;
    return count(this.#last.get(client)) - count(this.#first.get(client));
  }
}
