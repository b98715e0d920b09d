// Counts the frames that the library's own worker decrypts, and notes whose they are. The library makes the worker from a Blob that
// holds its source; counters are appended to that source, the library's code stays as it is.
'use strict';

const decryptedFrames = {};
// User ids by the SSRC of the slot, as of the last frame.
const decryptedUsers = {};

(() => {
  const COUNTERS = `
    ;(() => {
      const channel = new BroadcastChannel('decrypted-frames');
      const counts = {};
      const users = {};
      const original = decryptFrame;
      const sourceOf = frame => {
        const { csrc } = frameHeaderDecode(new Uint8Array(frame.data));
        const metadata = frame.getMetadata();
        return csrc !== '0' ? csrc : String(metadata.contributingSources?.[0] ?? metadata.synchronizationSource);
      };
      decryptFrame = function (track, coder, frame, controller) {
        const kind = frame instanceof RTCEncodedVideoFrame ? 'video' : 'audio';
        const user = coder[kind].users[sourceOf(frame)]?.userid ?? 'unknown';
        const enqueue = decrypted => {
          const key = kind + ' ' + user;
          counts[key] = (counts[key] ?? 0) + 1;
          users[frame.getMetadata().synchronizationSource] = user;
          controller.enqueue(decrypted);
        };
        return original(track, coder, frame, { enqueue });
      };
      setInterval(() => channel.postMessage({ counts, users }), 200);
    })();`;

  const PlainBlob = window.Blob;
  window.Blob = function (parts, options) {
    const isWorker = parts?.length === 1 && typeof parts[0] === 'string' && parts[0].includes('function decryptFrame');
    return new PlainBlob(isWorker ? [parts[0], COUNTERS] : parts, options);
  };
  window.Blob.prototype = PlainBlob.prototype;
  // The channel is shared by the pages of one origin only within one browser context, that is, one client.
  new BroadcastChannel('decrypted-frames').onmessage = ({ data }) => {
    Object.assign(decryptedFrames, data.counts);
    Object.assign(decryptedUsers, data.users);
  };
})();
