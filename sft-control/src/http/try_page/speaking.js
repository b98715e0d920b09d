// Who speaks: the server writes into every audio packet whose it is, and the sender how loud it is. Neither needs
// the key.

const INTERVAL = 150;   // ms
const HOLD = 450;       // ms, so that the mark does not flicker between words
// Of full scale, in the linear measure of the browser: about -36 dBov.
const LOUD = 0.016;

export class Speaking {
  // By user: when it was last loud.
  #heard = new Map();
  // By receiver: whose voice it played last, and when that packet was played.
  #last = new Map();
  #timer;

  // `receivers` gives those of the audio slots, `userOf` the user of an audio SSRC; `show` gets the set of users
  // who speak.
  constructor({ receivers, userOf, show }) {
    this.#timer = setInterval(() => {
      this.#last = new Map(receivers().map(receiver => [receiver, this.#listen(receiver, userOf)]));
      const now = performance.now();
      show(new Set([...this.#heard].filter(([, at]) => now - at < HOLD).map(([user]) => user)));
    }, INTERVAL);
  }

  // The receiver that has played this user's voice last, if any has.
  receiverOf(user) {
    const those = [...this.#last].filter(([, last]) => last?.user === user);
    return those.sort(([, a], [, b]) => b.timestamp - a.timestamp)[0]?.[0];
  }

  stop() {
    clearInterval(this.#timer);
  }

  #listen(receiver, userOf) {
    const [newest] = receiver.getContributingSources().sort((a, b) => b.timestamp - a.timestamp);
    if (!newest) return null;
    const { timestamp } = newest;
    const user = userOf(newest.source);
    // Otherwise nothing new has come since the last look.
    const isNew = timestamp !== this.#last.get(receiver)?.timestamp;
    const level = newest.audioLevel ?? receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
    if (user && isNew && level > LOUD) this.#heard.set(user, performance.now());
    return { user, timestamp };
  }
}
