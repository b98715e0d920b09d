// Who speaks: the server writes into every audio packet whose it is, and the sender how loud it is. Neither needs
// the key.

const INTERVAL = 150;   // ms
const HOLD = 450;       // ms, so that the mark does not flicker between words
// Of full scale, in the linear measure of the browser: about -36 dBov.
const LOUD = 0.016;

export class Speaking {
  #heard = new Map();
  #last = new Map();
  #timer;

  // `receivers` gives those of the audio slots, `userOf` the user of an audio SSRC; `show` gets the set of users
  // who speak.
  constructor({ receivers, userOf, show }) {
    this.#timer = setInterval(() => {
      for (const receiver of receivers()) this.#listen(receiver, userOf);
      const now = performance.now();
      show(new Set([...this.#heard].filter(([, at]) => now - at < HOLD).map(([user]) => user)));
    }, INTERVAL);
  }

  // The user whose voice a receiver played last.
  userOf(receiver) {
    return this.#last.get(receiver)?.user;
  }

  stop() {
    clearInterval(this.#timer);
  }

  #listen(receiver, userOf) {
    const [newest] = receiver.getContributingSources().sort((a, b) => b.timestamp - a.timestamp);
    if (!newest) return;
    const before = this.#last.get(receiver);
    const user = userOf(newest.source);
    this.#last.set(receiver, { user, timestamp: newest.timestamp });
    // Nothing new has come since the last look.
    if (!user || before?.timestamp === newest.timestamp) return;
    const level = newest.audioLevel ?? receiver.getSynchronizationSources()[0]?.audioLevel ?? 0;
    if (level > LOUD) this.#heard.set(user, performance.now());
  }
}
