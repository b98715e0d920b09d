// One user with one client of the calling library. The harness calls `window.client.*`; what happens here
// reaches it through `window.toHarness`.
'use strict';

(() => {
  const PROTEUS_CONFERENCE = 2;
  const MLS_CONFERENCE = 3;
  const SENDING_VIDEO = [1, 4];   // video state: started, screen share
  const HIGH_QUALITY = 2;
  const HTTP_FAILED = 1000;
  const FIREFOX = 1;
  const VIDEO_STOPPED = 0;
  const VIDEO_STARTED = 1;

  const report = (type, content = {}) => window.toHarness(JSON.stringify({ type, ...content }));
  window.addEventListener('error', event => report('error', { text: event.message }));
  window.addEventListener('unhandledrejection', event => report('error', { text: String(event.reason) }));

  // Questions to the harness: HTTP to the SFT, and the call's configuration.
  const questions = new Map();
  let nextQuestion = 1;
  const ask = (type, content) => new Promise(resolve => {
    questions.set(nextQuestion, resolve);
    report(type, { ...content, question: nextQuestion++ });
  });

  // The package's files are CommonJS modules.
  async function load(entry, names) {
    const sources = Object.fromEntries(await Promise.all(names.map(async name => {
      const response = await fetch(`/avs/${name}.js`);
      if (!response.ok) throw new Error(`cannot load ${name}`);
      return [`./${name}`, await response.text()];
    })));
    const modules = {};
    const require = name => {
      if (!modules[name]) {
        modules[name] = { exports: {} };
        new Function('require', 'module', 'exports', sources[name])(require, modules[name], modules[name].exports);
      }
      return modules[name].exports;
    };
    return require(entry);
  }

  let options, media, library, account;
  let state = 0;
  let members = [];
  let quality = HIGH_QUALITY;

  // Asks for everybody's video, as the application does at each change of the list.
  function requestVideo() {
    const isOther = member => member.userid !== options.userId || member.clientid !== options.clientId;
    const clients = members.filter(member => isOther(member) && SENDING_VIDEO.includes(member.vrecv))
      .map(({ userid, clientid }) => ({ userid, clientid, quality }));
    if (clients.length === 0) return;
    const request = JSON.stringify({ convid: options.conversation, clients });
    library.requestVideoStreams(account, options.conversation, 0, request);
  }

  // As the web application does: a cross-origin POST that needs no preflight.
  async function post(url, data) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const response = await fetch(url, { method: 'POST', body: data, headers }).catch(() => null);
    const text = await response?.text();
    report('posted', { url, request: data, status: response?.status, response: text });
    return response?.ok ? { status: response.status, text } : null;
  }

  async function sendToSft(context, url, data) {
    const answer = options.fetch ? await post(url, data) : await ask('sft', { url, data });
    if (!answer) return library.sftResp(account, HTTP_FAILED, '', 0, context);
    return library.sftResp(account, answer.status, answer.text, answer.text.length, context);
  }

  function createAccount() {
    account = library.create(
      options.userId,
      options.clientId,
      /* ready */ () => {},
      /* send */ (context, conversation, self, client, targets, _unused, data, _length, _transient, ownClientsOnly) => {
        report('message', { targets, data, ownClientsOnly: Boolean(ownClientsOnly) });
        return 0;
      },
      /* sft request */ (context, url, data) => {
        sendToSft(context, url, data);
        return 0;
      },
      /* incoming */ () => report('incoming'),
      /* missed */ () => {},
      /* answered */ () => {},
      /* established */ () => {},
      /* closed */ reason => report('closed', { reason }),
      /* metrics */ () => {},
      /* configuration */ () => {
        ask('configuration').then(text => library.configUpdate(account, 0, text));
        return 0;
      },
      /* constant bit rate */ () => {},
      /* video state */ () => {},
    );
    library.setMuteHandler(account, () => {});
    library.setNetworkQualityHandler(account, () => {}, 10);
    library.setActiveSpeakerHandler(account, () => {});
    library.setStateHandler(account, (_conversation, value) => {
      state = value;
      report('state', { state });
    });
    library.setParticipantChangedHandler(account, (_conversation, json) => {
      ({ members } = JSON.parse(json));
      requestVideo();
    });
    library.setReqClientsHandler(account, () => report('wants-clients'));
    library.setReqNewEpochHandler(account, () => report('wants-epoch'));
  }

  window.client = {
    async initialise(given) {
      options = given;
      media = new Media(options);
      // With the microphone granted, candidates carry addresses instead of mDNS names, as for a real user.
      await navigator.mediaDevices.getUserMedia({ audio: true });
      library = await (await load('./avs_wcall', ['avs_core', 'avs_pc', 'avs_wcall'])).getAvsInstance();
      library.setLogHandler((level, text) => report('log', { level, text: String(text).trimEnd() }));
      library.init(options.firefox ? FIREFOX : 0);
      library.setUserMediaHandler(async (_conversation, audio, video, screen) =>
        new MediaStream(await media.tracks(audio, video || screen)));
      library.setAudioStreamHandler((_conversation, id, streams) => media.setAudio(id, streams?.[0] ?? null));
      library.setVideoStreamHandler((_conversation, user, _client, streams) => media.setVideo(user, streams?.[0] ?? null));
      setInterval(() => library.poll(), 500);
      createAccount();
    },
    answerQuestion(question, value) {
      questions.get(question)?.(value);
      questions.delete(question);
    },
    setClients: clients => library.setClientsForConv(account, options.conversation, JSON.stringify({ clients })),
    setEpoch: (epoch, clients, secret) => library.setEpochInfo(account, options.conversation, epoch,
      JSON.stringify({ convid: options.conversation, clients }), secret),
    start() {
      library.setMute(account, 0);
      const type = options.mls ? MLS_CONFERENCE : PROTEUS_CONFERENCE;
      return library.start(account, options.conversation, options.video ? 1 : 0, type, 0, 0);
    },
    answer() {
      library.setMute(account, 0);
      return library.answer(account, options.conversation, options.video ? 1 : 0, 0);
    },
    receive(message, user, client) {
      const now = Math.floor(Date.now() / 1000);
      const type = options.mls ? MLS_CONFERENCE : PROTEUS_CONFERENCE;
      return library.recvMsg(account, message, message.length, now, now, options.conversation, user, client, type, 0);
    },
    sendVideo: on => library.setVideoSendState(account, options.conversation, on ? VIDEO_STARTED : VIDEO_STOPPED),
    networkChanged: () => library.networkChanged(),
    speak: loud => media.speak(loud),
    wantQuality(wanted) {
      quality = wanted;
      requestVideo();
    },
    statistics: () => sumStatistics(),
    candidates: () => candidatesInUse(),
    end: () => library.end(account, options.conversation),
    observe: async () => ({
      playout: await playout(),
      state,
      members: members.length,
      decrypted: { ...decryptedFrames },
      tones: media.tonesHeard(),
      colours: media.coloursShown(),
    }),
  };
})();
