// The format of encrypted frames (sft-protocol.md 16):
//
//   byte 0: VVVE RRRR    version 0, E: extensions follow
//   byte 1: SLLL XKKK    S 0, L: length of the counter - 1, X 0: K is the key's id, X 1: its length - 1
//   [key id] counter [extension: MEEE IIII value] ciphertext tag

const HAS_EXTENSIONS = 0x10;
const LONG_KEY_ID = 0x08;
const MORE_EXTENSIONS = 0x80;
const CSRC_ID = 1;
const CSRC_EXTENSION = 0x31;   // length 4, id 1, none behind it
const COUNTER_LENGTH = 4;
const IV_LENGTH = 12;
export const TAG_LENGTH = 16;

// `counter` and `csrc` are 32-bit numbers; the key id is below 8.
export function writeHeader({ counter, keyId, csrc }) {
  const header = new Uint8Array(11);
  const view = new DataView(header.buffer);
  header[0] = HAS_EXTENSIONS;
  header[1] = ((COUNTER_LENGTH - 1) << 4) | keyId;
  view.setUint32(2, counter);
  header[6] = CSRC_EXTENSION;
  view.setUint32(7, csrc);
  return header;
}

// Null if the bytes do not start with a header. `length` is that of the header; `csrc` is null without the
// extension. Of longer key ids and counters the low 32 bits are returned: the IV uses no more.
export function readHeader(bytes) {
  if (bytes.length < 2 || bytes[0] >> 5 !== 0) return null;
  const counterLength = ((bytes[1] >> 4) & 7) + 1;
  const keyLength = bytes[1] & LONG_KEY_ID ? (bytes[1] & 7) + 1 : 0;
  const counterStart = 2 + keyLength;
  const end = counterStart + counterLength;
  if (bytes.length < end) return null;
  const header = {
    length: end,
    keyId: keyLength ? number(bytes, 2, keyLength) : bytes[1] & 7,
    counter: number(bytes, counterStart, counterLength),
    csrc: null,
  };
  return bytes[0] & HAS_EXTENSIONS ? readExtensions(bytes, header) : header;
}

function readExtensions(bytes, header) {
  for (let more = true; more;) {
    const first = bytes[header.length];
    if (first === undefined) return null;
    const length = ((first >> 4) & 7) + 1;
    const value = header.length + 1;
    if (bytes.length < value + length) return null;
    if ((first & 0x0f) === CSRC_ID && length === 4) header.csrc = number(bytes, value, 4);
    header.length = value + length;
    more = (first & MORE_EXTENSIONS) !== 0;
  }
  return header;
}

// Big-endian; the low 32 bits.
function number(bytes, offset, length) {
  let value = 0;
  for (let i = 0; i < length; i += 1) value = ((value << 8) | bytes[offset + i]) >>> 0;
  return value;
}

// `base` is the sender's for this kind of media; counter and key id are XORed into its first eight bytes.
export function frameIv(base, { counter, keyId }) {
  const mask = new Uint8Array(IV_LENGTH);
  const view = new DataView(mask.buffer);
  view.setUint32(0, counter);
  view.setUint32(4, keyId);
  return mask.map((byte, i) => byte ^ base[i]);
}
