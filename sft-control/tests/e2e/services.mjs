// What surrounds a call besides the SFT: the files of the page, a STUN server, HTTP from outside the page.
import dgram from 'node:dgram';
import fs from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const LIBRARY = path.join(HERE, 'node_modules/@wireapp/avs/dist');

// Serves page/ and, below /avs/, the calling library, on loopback.
export async function servePage() {
  const server = http.createServer(async (request, response) => {
    const [, folder, name] = /^\/(page|avs)\/([\w.-]+)$/.exec(request.url) ?? [];
    try {
      const body = await fs.readFile(path.join(folder === 'avs' ? LIBRARY : path.join(HERE, 'page'), name));
      response.writeHead(200, { 'content-type': name.endsWith('.html') ? 'text/html' : 'text/javascript' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/page/index.html`, close: () => server.close() };
}

const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const XOR_MAPPED_ADDRESS = 0x0020;

// Answers STUN Binding requests (RFC 8489). The calling library wants an ICE server, and one that does not
// answer keeps it gathering for ten seconds.
export async function serveStun() {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (request, from) => {
    if (request.length < 20 || request.readUInt16BE(0) !== BINDING_REQUEST) return;
    if (request.readUInt32BE(4) !== MAGIC_COOKIE) return;
    const reply = Buffer.alloc(32);
    reply.writeUInt16BE(BINDING_SUCCESS, 0);
    reply.writeUInt16BE(12, 2);
    request.copy(reply, 4, 4, 20);
    reply.writeUInt16BE(XOR_MAPPED_ADDRESS, 20);
    reply.writeUInt16BE(8, 22);
    reply.writeUInt16BE(0x0001, 24);
    reply.writeUInt16BE(from.port ^ (MAGIC_COOKIE >>> 16), 26);
    const address = Buffer.from(from.address.split('.').map(Number)).readUInt32BE(0);
    reply.writeUInt32BE((address ^ MAGIC_COOKIE) >>> 0, 28);
    socket.send(reply, from.port, from.address);
  });
  await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  return { url: `stun:127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}

// One HTTP exchange on a connection of its own; a restarted server has no use for kept ones. The certificate of a
// server under test is nobody's who could be trusted.
export function exchange(url, { method = 'GET', body, timeout = 20000 } = {}) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(body),
    };
    const { request: send } = url.startsWith('https:') ? https : http;
    const request = send(url, { method, headers, agent: false, timeout, rejectUnauthorized: false }, response => {
      const parts = [];
      response.on('data', part => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString('utf8') }));
    });
    request.on('timeout', () => request.destroy(new Error(`${url}: no answer in ${timeout} ms`)));
    request.on('error', reject);
    request.end(body);
  });
}

// The copies that the server counts, by lane and kind: { kernel: { audio, video }, user: { audio, video } }.
export async function forwardedCopies(urls) {
  const copies = { kernel: { audio: 0, video: 0 }, user: { audio: 0, video: 0 } };
  for (const url of urls) {
    const { text } = await exchange(url);
    for (const [, labels, value] of text.matchAll(/^sft_forwarded_copies_total\{([^}]*)\} (\S+)/gm)) {
      const { lane, kind } = Object.fromEntries([...labels.matchAll(/(\w+)="(\w+)"/g)].map(pair => pair.slice(1)));
      copies[lane][kind] += Number(value);
    }
  }
  return copies;
}

// Calls and participants that a server has now.
export async function occupancy(url) {
  const { text } = await exchange(url);
  const gauge = name => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)[1]);
  return { calls: gauge('sft_calls'), participants: gauge('sft_participants') };
}
