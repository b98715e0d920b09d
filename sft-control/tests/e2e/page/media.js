// What a client sends, one tone and one coloured picture, and what it recognises in what it is played.
'use strict';

class Media {
  #context;
  #options;
  #sent = {};
  #volume;
  #heard = new Map();
  #shown = new Map();
  #probe = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });

  constructor(options) {
    this.#options = options;
    this.#context = new AudioContext({ sampleRate: 48000 });
  }

  // Tracks to send; made once, since the library asks again for each peer connection.
  async tracks(audio, video) {
    await this.#context.resume();
    const tracks = [];
    if (audio) tracks.push(this.#sent.audio ??= this.#tone());
    if (video) tracks.push(this.#sent.video ??= this.#picture());
    return tracks;
  }

  #tone() {
    const oscillator = this.#context.createOscillator();
    this.#volume = this.#context.createGain();
    const destination = this.#context.createMediaStreamDestination();
    oscillator.frequency.value = this.#options.tones[this.#options.name];
    this.speak(true);
    oscillator.connect(this.#volume).connect(destination);
    oscillator.start();
    return destination.stream.getAudioTracks()[0];
  }

  speak(loud) {
    this.#volume.gain.value = loud ? 0.25 : 0;
  }

  #picture() {
    const { width, height, framesPerSecond, colours, name } = this.#options;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const drawing = canvas.getContext('2d');
    let frame = 0;
    const draw = () => {
      drawing.fillStyle = `rgb(${colours[name].join(',')})`;
      drawing.fillRect(0, 0, width, height);
      // Something that moves, so that no frame equals the one before.
      drawing.fillStyle = 'white';
      drawing.fillRect((frame++ * 8) % width, 0, 16, 16);
    };
    draw();
    setInterval(draw, 1000 / framesPerSecond);
    return canvas.captureStream(framesPerSecond).getVideoTracks()[0];
  }

  // The library hands over a received audio stream, or none when it ends.
  setAudio(id, stream) {
    const known = this.#heard.get(id);
    if (known?.element.srcObject === stream) return;
    known?.source.disconnect();
    known?.element.remove();
    this.#heard.delete(id);
    if (!stream) return;
    const element = Object.assign(document.createElement('audio'), { autoplay: true, srcObject: stream });
    document.body.append(element);
    const source = this.#context.createMediaStreamSource(stream);
    const analyser = Object.assign(this.#context.createAnalyser(), { fftSize: 8192, smoothingTimeConstant: 0.2 });
    source.connect(analyser);
    this.#heard.set(id, { element, source, analyser });
  }

  // The library hands over the video of one user, or none when it ends.
  setVideo(user, stream) {
    let element = this.#shown.get(user);
    if (!element) {
      if (!stream) return;
      element = Object.assign(document.createElement('video'), { autoplay: true, muted: true, width: 160 });
      document.body.append(element);
      this.#shown.set(user, element);
    }
    element.srcObject = stream;
  }

  // Names of the clients whose tone stands out of the spectrum of what is played.
  tonesHeard() {
    const LOUD = -70;          // dB
    const ABOVE_MEDIAN = 25;   // dB
    const heard = new Set();
    for (const { analyser } of this.#heard.values()) {
      const spectrum = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(spectrum);
      const sorted = [...spectrum].filter(Number.isFinite).sort((a, b) => a - b);
      const median = sorted[sorted.length >> 1] ?? -200;
      for (const [name, tone] of Object.entries(this.#options.tones)) {
        const bin = Math.round(tone * analyser.fftSize / this.#context.sampleRate);
        const peak = Math.max(...spectrum.subarray(bin - 1, bin + 2));
        if (peak > LOUD && peak > median + ABOVE_MEDIAN) heard.add(name);
      }
    }
    return [...heard];
  }

  // Per user with a picture: the name of the client whose colour is shown.
  coloursShown() {
    const shown = {};
    for (const [user, element] of this.#shown) {
      if (element.srcObject && element.videoWidth) shown[user] = this.#colourOf(element);
    }
    return shown;
  }

  #colourOf(element) {
    const NEAR = 60;   // of 442, the distance from black to white
    const { width, height } = this.#probe;
    const drawing = this.#probe.getContext('2d', { willReadFrequently: true });
    const [w, h] = [element.videoWidth, element.videoHeight];
    drawing.drawImage(element, w * 0.3, h * 0.4, w * 0.3, h * 0.2, 0, 0, width, height);
    const pixels = drawing.getImageData(0, 0, width, height).data;
    const mean = [0, 1, 2].map(channel => {
      let sum = 0;
      for (let i = channel; i < pixels.length; i += 4) sum += pixels[i];
      return sum / (width * height);
    });
    const distances = Object.entries(this.#options.colours)
      .map(([name, colour]) => ({ name, distance: Math.hypot(...colour.map((value, i) => value - mean[i])) }));
    const nearest = distances.reduce((a, b) => (b.distance < a.distance ? b : a));
    return nearest.distance < NEAR ? nearest.name : null;
  }
}
