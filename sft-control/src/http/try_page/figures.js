// Figures from the browser's statistics: what was received and sent since the last look.

const per = (bytes, seconds) => (seconds > 0 ? (8 * bytes) / seconds : 0);

export class Figures {
  #before = new Map();

  // `report` is that of a whole peer connection. Rates are in bit/s, jitter and round trip in ms, loss is a part
  // of 1; null stands for what the browser does not say.
  read(report) {
    const all = [...report.values()];
    const figures = { received: new Map(), layers: [], voice: null, roundTrip: roundTrip(report, all) };
    for (const stats of all) {
      if (stats.type === 'inbound-rtp') figures.received.set(stats.mid, this.#received(stats));
      if (stats.type === 'outbound-rtp') this.#sent(stats, all, figures);
    }
    this.#before = report;
    return figures;
  }

  // How a counter has grown since the last look, and over how many seconds.
  #growth(stats, names) {
    const before = this.#before.get(stats.id);
    const seconds = before ? (stats.timestamp - before.timestamp) / 1000 : 0;
    const grown = names.map(name => (before ? Math.max(0, (stats[name] ?? 0) - (before[name] ?? 0)) : 0));
    return [seconds, ...grown];
  }

  #received(stats) {
    const names = ['bytesReceived', 'packetsReceived', 'packetsLost', 'framesDecoded'];
    const [seconds, bytes, packets, lost, frames] = this.#growth(stats, names);
    return {
      rate: per(bytes, seconds),
      loss: packets + lost > 0 ? lost / (packets + lost) : null,
      frames: seconds > 0 ? frames / seconds : 0,
      width: stats.frameWidth ?? 0,
      height: stats.frameHeight ?? 0,
      jitter: stats.jitter === undefined ? null : stats.jitter * 1000,
    };
  }

  #sent(stats, all, figures) {
    const [seconds, bytes, frames] = this.#growth(stats, ['bytesSent', 'framesEncoded']);
    // What the server has reported of it.
    const reported = all.find(other => other.type === 'remote-inbound-rtp' && other.localId === stats.id);
    const sent = {
      rid: stats.rid ?? '',
      rate: per(bytes, seconds),
      frames: seconds > 0 ? frames / seconds : 0,
      width: stats.frameWidth ?? 0,
      height: stats.frameHeight ?? 0,
      loss: reported?.fractionLost ?? null,
      jitter: reported?.jitter === undefined ? null : reported.jitter * 1000,
    };
    if (stats.kind === 'video') figures.layers.push(sent);
    else figures.voice = sent;
  }
}

function roundTrip(report, all) {
  const transport = all.find(({ type }) => type === 'transport');
  const pair = report.get(transport?.selectedCandidatePairId)
    ?? all.find(({ type, selected, nominated, state }) =>
      type === 'candidate-pair' && (selected ?? (nominated && state === 'succeeded')));
  const seconds = pair?.currentRoundTripTime;
  return seconds === undefined ? null : seconds * 1000;
}

const NOTHING = '–';

export function rateText(rate) {
  if (!rate) return NOTHING;
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(2)} Mbit/s` : `${Math.round(rate / 1e3)} kbit/s`;
}

export const lossText = loss => (loss === null ? NOTHING : `${(100 * loss).toFixed(1)} %`);

export function timeText(ms) {
  if (ms === null) return NOTHING;
  // Firefox rounds.
  if (ms < 0.05) return '< 1 ms';
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

export const framesText = frames => (frames ? `${Math.round(frames)} fps` : NOTHING);

export const sizeText = ({ width, height }) => (width ? `${width} × ${height}` : NOTHING);

// Which layer a received picture is. Packets do not tell receivers; but its sender has told the camera's size, and
// the low layer has half of it.
export function layerOf({ width, height }, cameraSize) {
  const size = /^(\d{1,5})x(\d{1,5})$/.exec(cameraSize);
  if (!width || !size) return '';
  return Math.max(width, height) > 0.75 * Math.max(size[1], size[2]) ? 'h' : 'l';
}
