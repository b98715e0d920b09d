// The part of the messaging backend that the calling library needs: the call's configuration, messages from
// client to client, the list of clients and, for MLS, the epochs of the conference's subconversation.
import crypto from 'node:crypto';

export class Backend {
  #clients = [];
  #members = new Set();
  #epoch = 0;
  #secret;

  // `sfts`: base URLs of the SFTs that may serve the call. `ice`: an entry of `ice_servers`. `token`: what lets
  // clients in, { username, credential }.
  constructor({ sfts, ice, mls, token }) {
    this.mls = mls;
    this.configuration = JSON.stringify({
      ice_servers: [ice],
      sft_servers: sfts.map(url => ({ urls: [url] })),
      ...(token && { sft_servers_all: sfts.map(url => ({ urls: [url], ...token })) }),
      ttl: 3600,
    });
  }

  add(client) {
    this.#clients.push(client);
  }

  // An end-to-end encrypted message of the calling library, to all or to the named clients.
  deliver(from, { targets, data, ownClientsOnly }) {
    const named = targets && JSON.parse(targets).clients;
    const isTarget = to => to !== from
      && (!ownClientsOnly || to.userId === from.userId)
      && (!named || named.some(name => name.userid === to.userId && name.clientid === to.clientId));
    return Promise.all(this.#clients.filter(isTarget)
      .map(to => to.page.call('receive', data, from.userId, from.clientId)));
  }

  // The list of clients in the conversation, as the application passes it to the library.
  async announceClients(to) {
    if (this.mls) return this.announceEpoch(to);
    return to.page.call('setClients', this.#clients.map(({ userId, clientId }) => ({ userid: userId, clientid: clientId })));
  }

  async announceEpoch(to) {
    if (!this.#secret) return;
    const clients = this.#clients.map(client => ({
      userid: client.userId, clientid: client.clientId, in_subconv: this.#members.has(client),
    }));
    await to.page.call('setEpoch', this.#epoch, clients, this.#secret);
  }

  async join(client) {
    if (!this.mls) return;
    this.#members.add(client);
    await this.#advance();
  }

  async leave(client) {
    if (this.mls && this.#members.delete(client)) await this.#advance();
  }

  // Each change of the subconversation's members is a new epoch with a new secret.
  async #advance() {
    this.#epoch += 1;
    this.#secret = crypto.randomBytes(32).toString('base64');
    await Promise.all([...this.#members].map(member => this.announceEpoch(member)));
  }
}
