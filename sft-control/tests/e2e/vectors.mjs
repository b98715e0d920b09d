// The try page's own code for frames and keys against the values of the protocol's description
// (sft-protocol.md, appendix D).
import { exchange } from './services.mjs';

const GROUP = '9f9b03b4754142e5ce60d63a459e1db7';
const USER = 'd0acdfd562f4aa5c56d6558ae155692a';
const HEADERS = [
  { hex: '10300102030431aabbccdd', counter: 0x01020304, keyId: 0, csrc: 0xaabbccdd, written: true },
  { hex: '100901f4123100000010', counter: 0x12, keyId: 0x1f4, csrc: 0x10 },
  { hex: '0023ffffff', counter: 0xffffff, keyId: 3, csrc: null },
];
const BASE_IVS = { audio_iv: '1d3a2fe6eea66f923fe4dc87', video_iv: 'd6e8b8ae618d793a97778517' };
const MEDIA_KEY = '2e7ae80978259e5906a04bc187943f020036b6b0a6b0d3ce26432f22b764cf75';

const bytes = hex => Uint8Array.from(hex.match(/../g), pair => Number.parseInt(pair, 16));
const hex = array => Buffer.from(array).toString('hex');

// A module as the server serves it; one that imports no others.
async function load(sft, name) {
  const { text } = await exchange(`${sft}/try/${name}`);
  return import(`data:text/javascript,${encodeURIComponent(text)}`);
}

// Sentences; none means that all is as described.
export async function vectorProblems(sft) {
  const problems = [];
  const expect = (what, found, expected) => {
    if (JSON.stringify(found) !== JSON.stringify(expected)) problems.push(`${what}: ${JSON.stringify(found)}`);
  };
  const { readHeader, writeHeader, frameIv } = await load(sft, 'frame.js');
  for (const { hex: text, written, ...header } of HEADERS) {
    const { length, ...read } = readHeader(bytes(text)) ?? {};
    expect(`header ${text}`, [length, read.counter, read.keyId, read.csrc],
      [text.length / 2, header.counter, header.keyId, header.csrc]);
    if (written) expect('written header', hex(writeHeader(header)), text);
    // A header that was cut is none.
    for (let cut = 0; cut < text.length / 2; cut += 1) expect('cut', readHeader(bytes(text).subarray(0, cut)), null);
  }
  expect('IV', hex(frameIv(bytes(BASE_IVS.audio_iv), { counter: 1, keyId: 2 })), '1d3a2fe7eea66f903fe4dc87');
  const { derive } = await load(sft, 'secret.js');
  for (const [salt, iv] of Object.entries(BASE_IVS)) {
    expect(salt, hex(await derive(new TextEncoder().encode(USER), salt, '', 12)), iv);
  }
  const sessionKey = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect('media key', hex(await derive(sessionKey, GROUP, 'media_key', 32)), MEDIA_KEY);
  return problems;
}
