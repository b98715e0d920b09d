// What every client must have heard, seen and decrypted in a stretch of a call.

const ESTABLISHED = 4;

// An echo lasts; a click where lost audio was concealed holds every frequency for a moment.
const ECHO_SAMPLES = 3;

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
      const name = this.#clients.find(other => other.userId === user)?.name ?? user;
      if (colour === name) this.#seen.get(client).add(name);
      else if (colour !== null) this.#wrong.add(`${client.name} sees the picture of ${colour} as that of ${name}`);
    }
  }

  // Sentences; none means that the call is as it should be.
  problems() {
    return [...this.#wrong, ...this.#clients.flatMap(client => this.#missing(client))];
  }

  #missing(client) {
    const last = this.#last.get(client);
    if (!last) return [`${client.name} was never observed`];
    const problems = [];
    if (last.state !== ESTABLISHED) problems.push(`${client.name} is in state ${last.state}`);
    for (const other of this.#clients.filter(other => other !== client)) {
      if (!this.#heard.get(client).has(other.name)) problems.push(`${client.name} does not hear ${other.name}`);
      if (this.#video && !this.#seen.get(client).has(other.name)) problems.push(`${client.name} does not see ${other.name}`);
      for (const kind of this.#video ? ['audio', 'video'] : ['audio']) {
        if (this.#decrypted(client, kind, other) === 0) problems.push(`${client.name} decrypts no ${kind} of ${other.name}`);
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
