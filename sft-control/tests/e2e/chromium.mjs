// Headless Chromium, driven over its DevTools protocol through a pipe (no port, no library).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const FLAGS = [
  '--headless=new', '--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check',
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows', '--autoplay-policy=no-user-gesture-required',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--ignore-certificate-errors',
];

export class Chromium {
  #process;
  #profile;
  #pending = new Map();
  #pages = new Map();
  #nextId = 1;
  #rest = '';

  // `flags`: further ones.
  static launch(executable, flags = []) {
    return new Chromium(executable, flags);
  }

  constructor(executable, flags) {
    this.#profile = fs.mkdtempSync(path.join(os.tmpdir(), 'sft-e2e-chromium-'));
    this.#process = spawn(executable, [...FLAGS, ...flags, `--user-data-dir=${this.#profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: this.#profile },
    });
    const fail = what => this.#failAll(new Error(`chromium ${what}`));
    this.#process.on('error', error => fail(`did not start: ${error.message}`));
    this.#process.on('exit', code => fail(`ended with status ${code}`));
    this.#process.stdio[3].on('error', error => fail(error.message));
    this.#process.stdio[4].setEncoding('utf8').on('data', text => this.#read(text));
  }

  // Messages are JSON documents that end with a zero byte.
  #read(text) {
    const parts = (this.#rest + text).split('\0');
    this.#rest = parts.pop();
    for (const part of parts) this.#dispatch(JSON.parse(part));
  }

  #dispatch({ id, result, error, method, params, sessionId }) {
    if (id === undefined) {
      this.#pages.get(sessionId)?.onEvent(method, params);
      return;
    }
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }

  #failAll(error) {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  send(method, params = {}, sessionId) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#process.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + '\0');
    });
  }

  // A page with its own cookies and storage; `onMessage` gets what the page passes to `window.toHarness`. `script` is
  // run in it before its own scripts.
  async open(url, onMessage, script) {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', browserContextId });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId, onMessage);
    this.#pages.set(sessionId, page);
    await page.navigate(url, script);
    return page;
  }

  // Ends it without a chance to say goodbye; `close` has still to be called.
  crash() {
    this.#process.kill('SIGKILL');
  }

  async close() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.send('Browser.close').catch(() => {});
      const ended = new Promise(resolve => this.#process.once('exit', resolve));
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(timer);
    }
    fs.rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  #browser;
  #session;
  #onMessage;
  #loaded;

  constructor(browser, session, onMessage) {
    this.#browser = browser;
    this.#session = session;
    this.#onMessage = onMessage;
  }

  onEvent(method, params) {
    if (method === 'Runtime.bindingCalled') this.#onMessage(JSON.parse(params.payload));
    if (method === 'Page.loadEventFired') this.#loaded?.();
    if (method === 'Inspector.targetCrashed') this.#onMessage({ type: 'error', text: 'the page crashed' });
  }

  send(method, params) {
    return this.#browser.send(method, params, this.#session);
  }

  async navigate(url, script) {
    await this.send('Runtime.enable');
    await this.send('Runtime.addBinding', { name: 'toHarness' });
    await this.send('Page.enable');
    if (script) await this.send('Page.addScriptToEvaluateOnNewDocument', { source: script });
    const loaded = new Promise(resolve => { this.#loaded = resolve; });
    await this.send('Page.navigate', { url });
    await loaded;
  }

  // Calls `window.client.<name>(...args)` and waits for its result.
  async call(name, ...args) {
    const expression = `window.client[${JSON.stringify(name)}](...${JSON.stringify(args)})`;
    const parameters = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', parameters);
    if (exceptionDetails) {
      throw new Error(`${name}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    }
    return result.value;
  }
}
