// The buttons below the call: microphone, camera, link, end.

import { icon } from './tiles.js';

const COPIED = 2_500;   // ms
const COPY = 'Copy link';

const find = id => document.getElementById(id);

// A button says what it does now, in words, so that it needs no second state for screen readers.
function label(button, image, text) {
  button.replaceChildren(icon(image), text);
}

export class Controls {
  #media;
  #onTrack;
  #onMute;

  // `onMute()` when the choice has changed; `onTrack(kind)` when another track, or none, is to be sent.
  constructor({ media, onMute, onTrack, onLeave }) {
    this.#media = media;
    this.#onMute = onMute;
    this.#onTrack = onTrack;
    find('microphone').addEventListener('click', () => this.#toggleMicrophone());
    find('camera').addEventListener('click', () => this.#toggleCamera());
    label(find('leave'), 'leave', 'Leave');
    find('leave').addEventListener('click', onLeave);
    for (const button of document.querySelectorAll('[data-copy-link]')) {
      label(button, 'link', COPY);
      button.addEventListener('click', () => this.#copyLink(button));
    }
    this.show();
  }

  show() {
    const { muted, camera } = this.#media;
    label(find('microphone'), muted ? 'mic-off' : 'mic', muted ? 'Unmute' : 'Mute');
    label(find('camera'), camera ? 'camera' : 'camera-off', camera ? 'Stop camera' : 'Start camera');
  }

  async #toggleMicrophone() {
    const isMissing = !this.#media.microphone;
    this.#media.muted = !isMissing && !this.#media.muted;
    if (isMissing) {
      await this.#media.openMicrophone();
      await this.#onTrack('audio');
    }
    this.#onMute();
    this.show();
  }

  async #toggleCamera() {
    if (this.#media.camera) this.#media.closeCamera();
    else await this.#media.openCamera();
    await this.#onTrack('video');
    this.show();
  }

  async #copyLink(button) {
    const copied = await navigator.clipboard.writeText(location.href).then(() => true, () => false);
    label(button, 'link', copied ? 'Link copied' : 'Copy the address bar');
    setTimeout(() => label(button, 'link', COPY), COPIED);
  }
}
