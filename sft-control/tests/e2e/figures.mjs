// What receivers' own statistics say of a call in which layers and speakers change all the time.

const SETTLE = 8_000;
const ROUND = 3_000;
const ROUNDS = 20;
const LOW = 1;
const HIGH = 2;
const SAMPLE_RATE = 48_000;

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

// In each round everybody asks for the other layer of every video, and half of the clients speak.
async function playRound(clients, round) {
  const quality = round % 2 === 0 ? LOW : HIGH;
  await Promise.all(clients.map(async (client, place) => {
    await client.page.call('speak', (place + round) % 2 === 0);
    await client.page.call('wantQuality', quality);
  }));
  await sleep(ROUND);
}

async function sums(clients) {
  const all = await Promise.all(clients.map(client => client.page.call('statistics')));
  const total = {};
  for (const [kind, counters] of all.flatMap(Object.entries)) {
    total[kind] ??= {};
    for (const [name, value] of Object.entries(counters)) total[kind][name] = (total[kind][name] ?? 0) + value;
  }
  return total;
}

// Figures of an established call with video, over all its clients.
export async function measure(clients) {
  await sleep(SETTLE);
  const before = await sums(clients);
  for (let round = 0; round < ROUNDS; round += 1) await playRound(clients, round);
  const after = await sums(clients);
  const counted = (kind, name) => after[kind][name] - before[kind][name];
  const watched = clients.length * (clients.length - 1);
  const video = name => counted('inbound-rtp video', name);
  const audio = name => counted('inbound-rtp audio', name);
  const heardConcealment = audio('concealedSamples') - audio('silentConcealedSamples');
  return {
    layerSwitches: ROUNDS * watched,
    speakerChanges: ROUNDS * clients.length,
    keyFramesSent: counted('outbound-rtp video', 'keyFramesEncoded'),
    framesDecoded: video('framesDecoded'),
    freezes: video('freezeCount'),
    freezeSeconds: Number(video('totalFreezesDuration').toFixed(2)),
    keyFramesAsked: video('pliCount') + video('firCount'),
    concealmentEvents: audio('concealmentEvents'),
    concealedSeconds: Number((heardConcealment / SAMPLE_RATE).toFixed(2)),
    packetsLost: video('packetsLost') + audio('packetsLost'),
    packetsReceived: video('packetsReceived') + audio('packetsReceived'),
  };
}
