// The microphone and the camera of this participant. Each may be missing or forbidden: the call goes on without.

const MICROPHONE = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
const CAMERA = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } };

// By the name of the error that getUserMedia fails with; keys of `words.js`.
const PROBLEMS = {
  NotAllowedError: 'forbidden', SecurityError: 'forbidden', NotFoundError: 'missing', OverconstrainedError: 'missing',
  NotReadableError: 'busy', AbortError: 'busy',
};

export class LocalMedia {
  microphone = null;
  camera = null;
  #muted = false;
  // What is wrong with a device, by kind; null if nothing is.
  problems = { audio: null, video: null };
  // Called when a device ends by itself: unplugged, or its permission withdrawn.
  onEnded = () => {};

  // Asks for both at once, which is one question to the user, then for what could not be had together.
  async open() {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ ...MICROPHONE, ...CAMERA });
      this.#take('audio', stream.getAudioTracks()[0]);
      this.#take('video', stream.getVideoTracks()[0]);
    } catch {
      await this.openMicrophone();
      await this.openCamera();
    }
  }

  async openMicrophone() {
    this.#take('audio', await this.#track('audio', MICROPHONE));
  }

  async openCamera() {
    this.#take('video', await this.#track('video', CAMERA));
  }

  // Without a microphone this participant is muted, whatever it has chosen.
  get muted() {
    return this.#muted || !this.microphone;
  }

  set muted(muted) {
    this.#muted = muted;
    if (this.microphone) this.microphone.enabled = !muted;
  }

  // Stopping the track is what turns the camera's light off.
  closeCamera() {
    this.camera?.stop();
    this.camera = null;
  }

  // `<width>x<height>` of what the camera gives; empty without one.
  get cameraSize() {
    const { width, height } = this.camera?.getSettings() ?? {};
    return width && height ? `${width}x${height}` : '';
  }

  async #track(kind, constraints) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      this.problems[kind] = null;
      return stream.getTracks()[0];
    } catch (error) {
      this.problems[kind] = PROBLEMS[error.name] ?? 'broken';
      return null;
    }
  }

  #take(kind, track) {
    this[kind === 'audio' ? 'microphone' : 'camera'] = track;
    if (!track) return;
    if (kind === 'audio') track.enabled = !this.#muted;
    track.contentHint = kind === 'audio' ? 'speech' : 'motion';
    track.addEventListener('ended', () => {
      if (kind === 'audio') this.microphone = null;
      else this.camera = null;
      this.problems[kind] = 'ended';
      this.onEnded(kind);
    });
  }
}
