// The call's secret, which the link carries behind its `#`, and what follows from it. A browser sends no fragment
// to a server, so the server learns the name of the call and never its key.

const SECRET_LENGTH = 16;   // bytes
const USER_HASH_LENGTH = 16;   // bytes
// Wire puts the conversation's id here. A call of this page belongs to none.
const CONVERSATION = 'try';
const CLIENT = '_';

const encoder = new TextEncoder();
const text = string => encoder.encode(string);

function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

const hex = bytes => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');

// First 16 bytes of a SHA-256, as 32 digits (sft-protocol.md 1).
async function shortHash(...parts) {
  const hash = await crypto.subtle.digest('SHA-256', joined(...parts));
  return hex(new Uint8Array(hash, 0, USER_HASH_LENGTH));
}

// HKDF-SHA-512 (RFC 5869); `salt` and `info` are text. Bytes.
export async function derive(key, salt, info, length) {
  const base = await crypto.subtle.importKey('raw', key, 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: 'SHA-512', salt: text(salt), info: text(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, base, length * 8));
}

// 22 characters of base64url. Null if the text is none, so that a link that was cut in a message is noticed.
export function decodeSecret(fragment) {
  if (!/^[\w-]{22}$/.test(fragment)) return null;
  const bytes = Uint8Array.from(atob(fragment.replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0));
  return bytes.length === SECRET_LENGTH ? bytes : null;
}

export function newSecret() {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_LENGTH));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

// The key of all media of a call (sft-protocol.md 16). In a Wire call the session key is random, and one client
// hands it to the others over the messenger; here everybody derives it from the link. Scripts can use the key
// and not read it.
export async function mediaKey(sessionKey, group) {
  const bytes = await derive(sessionKey, group, 'media_key', 32);
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

// What a participant knows: `group` is the name of the call and `user` its own, both as the server sees them.
// The user is new with each page load, so that no two participants ever use a nonce of the key twice.
export async function deriveCall(secret) {
  const group = await shortHash(secret, text(CONVERSATION));
  const user = await shortHash(secret, text(crypto.randomUUID()), text(CLIENT));
  const sessionKey = await derive(secret, group, 'session_key_of_link', 32);
  return { group, user, key: await mediaKey(sessionKey, group) };
}
