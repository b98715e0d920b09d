// The tiles: one picture with its figures for each participant.

import { framesText, layerOf, lossText, rateText, sizeText, timeText } from './figures.js';
import { LANES, NOTES } from './words.js';
import { QUALITIES } from './signalling.js';

// Makes an element; children may be elements or text.
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export function icon(name) {
  const SVG = 'http://www.w3.org/2000/svg';
  const image = document.createElementNS(SVG, 'svg');
  const use = document.createElementNS(SVG, 'use');
  image.setAttribute('class', 'icon');
  image.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `#icon-${name}`);
  image.append(use);
  return image;
}

const LAYERS = { h: 'high', l: 'low' };
const REMOTE_FIGURES = {
  layer: 'Layer', video: 'Video', frames: 'Frames', loss: 'Loss', jitter: 'Jitter', voice: 'Voice',
};
const OWN_FIGURES = {
  high: 'Sent high', low: 'Sent low', frames: 'Frames', loss: 'Loss', voice: 'Voice', roundTrip: 'Round trip',
};

class Tile {
  #video = make('video', { autoplay: true, playsInline: true, muted: true });
  #note = make('p', { className: 'note' });
  #lane = make('span', { className: 'lane', hidden: true });
  #muted = make('span', { className: 'muted', hidden: true }, icon('mic-off'), make('span', { className: 'unseen' }, 'muted'));
  #values = {};
  element;

  constructor({ name, figures, own = false }) {
    const initial = make('span', { className: 'initial', ariaHidden: 'true' }, name[0]);
    const label = make('p', { className: 'label' }, this.#muted, make('span', { className: 'name' }, name));
    const picture = make('div', { className: 'picture' }, initial, this.#video, this.#note, this.#lane, label);
    this.element = make('article', { className: own ? 'tile own' : 'tile', ariaLabel: name }, picture, this.#list(figures));
    this.show(null);
  }

  #list(figures) {
    const list = make('dl', { className: 'figures' });
    for (const [key, title] of Object.entries(figures)) {
      this.#values[key] = make('dd', {}, '–');
      this.#values[key].dataset.figure = key;
      list.append(make('div', {}, make('dt', {}, title), this.#values[key]));
    }
    return list;
  }

  // The picture, or none.
  show(track) {
    const [shown] = this.#video.srcObject?.getTracks() ?? [];
    if ((shown ?? null) === track) return;
    this.#video.srcObject = track && new MediaStream([track]);
    this.#video.hidden = !track;
  }

  set note(text) {
    if (this.#note.textContent !== text) this.#note.textContent = text;
    this.element.classList.toggle('noted', text !== '');
  }

  set muted(muted) {
    this.#muted.hidden = !muted;
  }

  set speaking(speaking) {
    this.element.classList.toggle('speaking', speaking);
  }

  set lane({ lane, reason }) {
    this.#lane.textContent = LANES[lane] ?? '';
    this.#lane.title = reason ?? '';
    this.#lane.dataset.lane = lane ?? '';
    this.#lane.hidden = !lane;
  }

  fill(values) {
    for (const [key, value] of Object.entries(values)) this.#values[key].textContent = value;
  }
}

export class OwnTile extends Tile {
  constructor(name) {
    super({ name: `${name} (you)`, figures: OWN_FIGURES, own: true });
  }

  figures({ layers, voice, roundTrip }) {
    const layer = rid => layers.find(layer => layer.rid === rid) ?? { rate: 0, frames: 0, loss: null, width: 0 };
    const [high, low] = [layers.length === 1 && !layers[0].rid ? layers[0] : layer('h'), layer('l')];
    const text = ({ rate, height }) => (rate && height ? `${height}p · ${rateText(rate)}` : '–');
    this.fill({
      high: text(high), low: text(low), frames: framesText(Math.max(high.frames, low.frames)),
      loss: lossText(high.loss ?? low.loss ?? voice?.loss ?? null), roundTrip: timeText(roundTrip),
      voice: rateText(voice?.rate),
    });
  }
}

export class RemoteTile extends Tile {
  #choices = [];

  // `onQuality` gets a key of QUALITIES.
  constructor({ user, name, onQuality }) {
    super({ name, figures: REMOTE_FIGURES });
    const choice = quality => {
      const input = make('input', { type: 'radio', name: `quality-${user}`, value: quality, checked: quality === 'auto' });
      input.addEventListener('change', () => onQuality(quality));
      this.#choices.push(input);
      return make('label', {}, input, make('span', {}, quality));
    };
    const legend = make('legend', {}, 'Quality', make('span', { className: 'unseen' }, ` of ${name}`));
    this.element.append(make('fieldset', { className: 'quality' }, legend, ...Object.keys(QUALITIES).map(choice)));
  }

  // `video`, `voice`: figures of the slots that this participant has now, if any.
  figures({ video, voice, cameraSize }) {
    const flows = Boolean(video?.rate);
    const layer = flows ? layerOf(video, cameraSize) : '';
    this.fill({
      layer: flows && video.width ? [LAYERS[layer], sizeText(video)].filter(Boolean).join(' · ') : '–',
      video: rateText(video?.rate), frames: framesText(flows ? video.frames : 0),
      loss: lossText((flows ? video : voice)?.loss ?? null),
      jitter: timeText((flows ? video : voice)?.jitter ?? null), voice: rateText(voice?.rate),
    });
  }

  // Why there is no picture, if there is none.
  explain({ camera, hasSlot, sealed, decoding }) {
    if (sealed) this.note = NOTES.sealed;
    else if (!camera) this.note = NOTES.camera;
    else if (!hasSlot) this.note = NOTES.slots;
    else this.note = decoding ? '' : NOTES.waiting;
  }
}
