// What runs in the page: JsSIP and the browser's own WebRTC, nothing of ours.
import JsSIP from "jssip";

const said = (event, more = {}) => window.report(JSON.stringify({ event, ...more }));

// Only this format of pictures is offered and answered, as by a browser that has no other.
const restrict = (video) => {
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  const wanted = codecs.filter(({ mimeType }) => mimeType === `video/${video}`);
  for (const name of ["createOffer", "createAnswer"]) {
    const make = RTCPeerConnection.prototype[name];
    RTCPeerConnection.prototype[name] = function (...options) {
      const cameras = this.getTransceivers().filter(({ receiver }) => receiver.track.kind === "video");
      cameras.forEach((camera) => camera.setCodecPreferences(wanted));
      return make.apply(this, options);
    };
  }
};

// The picture goes out in two sizes at once (RFC 8853), the smaller one first.
const splitPicture = () => {
  const add = RTCPeerConnection.prototype.addTrack;
  RTCPeerConnection.prototype.addTrack = function (track, ...streams) {
    if (track.kind !== "video") return add.call(this, track, ...streams);
    const sendEncodings = [{ rid: "small", scaleResolutionDownBy: 2 }, { rid: "large" }];
    return this.addTransceiver(track, { streams, sendEncodings }).sender;
  };
};

// The other side learns our addresses only from what we send, as behind a NAT.
const hide = (session) =>
  session.on("sdp", (description) => {
    if (description.originator === "local")
      description.sdp = description.sdp.replace(/a=candidate:.*\r\n/g, "");
  });

// Real-time text on a data channel (RFC 8865): "open" creates one that is opened in the
// association (RFC 8832), a number one that is named in the descriptions (RFC 8864), "wait" takes
// the one that the other side opens.
const TEXT = { protocol: "t140", ordered: true };
let channel;
let read = "";
const converse = (opened) => {
  channel = opened;
  channel.onopen = () => said("textOpen", { id: channel.id });
  channel.onmessage = ({ data }) => said("text", { read: (read += data) });
  if (channel.readyState === "open") channel.onopen();
};
const offerText = (session, text) => {
  const id = Number(text);
  const meet = (connection) => {
    connection.ondatachannel = ({ channel }) => channel.protocol === "t140" && converse(channel);
    if (text === "open") converse(connection.createDataChannel("text", TEXT));
    if (id) converse(connection.createDataChannel("text", { ...TEXT, negotiated: true, id }));
  };
  // Whoever calls has a connection before there is a session.
  if (session.connection) meet(session.connection);
  else session.on("peerconnection", ({ peerconnection }) => meet(peerconnection));
  session.on("sdp", (description) => {
    if (id && description.originator === "local")
      description.sdp += `a=dcmap:${id} label="text";subprotocol="t140"\r\na=dcsa:${id} fmtp:t140 cps=60\r\n`;
  });
};
window.write = (...words) => channel.send(words.join(" "));

window.start = ({ server, domain, user, password, call, video, relay, text, sizes, hidden }) => {
  if (sizes) splitPicture();
  if (video) restrict(video);
  const agent = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(server)],
    uri: `sip:${user}@${domain}`,
    authorization_user: user,
    password,
    session_timers: false,
    register: true,
  });
  const options = {
    mediaConstraints: { audio: true, video: true },
    pcConfig: { iceServers: [] },
  };
  agent.on("registered", ({ response }) => {
    const iceServers = response.getHeaders("VRS-Ice").map(iceServer);
    if (relay) options.pcConfig = { iceServers, iceTransportPolicy: "relay" };
    said("registered", { ways: iceServers.map(({ urls }) => urls) });
    if (call) agent.call(`sip:${call}@${domain}`, options);
  });
  agent.on("registrationFailed", ({ cause }) => said("registrationFailed", { cause }));
  agent.on("newRTCSession", ({ originator, session, request }) => {
    if (text) offerText(session, text);
    if (hidden) hide(session);
    const header = (name) => request.getHeader(name);
    if (originator === "remote") {
      said("invited", { number: header("VRS-Called-Number"), languages: header("VRS-Languages") });
      session.answer(options);
    }
    session.on("progress", ({ response }) => said("progress", { status: response?.status_code }));
    session.on("confirmed", () => watch(session));
    session.on("accepted", () => said("accepted"));
    session.on("failed", ({ cause, message }) =>
      said("failed", { cause, status: message?.status_code, reason: message?.getHeader?.("VRS-Reason") }));
    session.on("ended", ({ cause, message }) =>
      said("ended", { cause, reason: message?.getHeader?.("VRS-Reason") }));
    window.session = session;
  });
  agent.start();
};

// `<turn:host:port?transport=udp>;username="…";password="…";expires=…` as WebRTC wants it.
function iceServer(value) {
  const [, urls, rest] = /^<([^>]+)>(.*)$/.exec(value);
  const parameter = (name) => new RegExp(`;${name}="([^"]+)"`).exec(rest)?.[1];
  const credential = parameter("password");
  return credential ? { urls, username: parameter("username"), credential } : { urls };
}

// An ICE restart is a re-INVITE with new names.
window.restart = () =>
  window.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, () => said("restarted"));
// Hold and its end are re-INVITEs with new directions.
window.hold = () => window.session.hold({}, () => said("held"));
window.unhold = () => window.session.unhold({}, () => said("resumed"));
// Telephone keys as the browser sends them (RFC 4733), each held for so many milliseconds.
window.press = (keys, ms) => {
  const sound = window.session.connection.getSenders().find((sender) => sender.track?.kind === "audio");
  sound.dtmf.insertDTMF(keys, Number(ms), 70);
};
window.hangUp = () => window.session.terminate();

// Once a second: what the browser itself counts.
function watch(session) {
  said("confirmed");
  // Sound is only decoded, and so only counted, when something plays it.
  const speaker = new Audio();
  const tracks = session.connection.getReceivers().map((receiver) => receiver.track);
  speaker.srcObject = new MediaStream(tracks.filter((track) => track.kind === "audio"));
  speaker.play();
  let second = 0;
  const timer = setInterval(async () => {
    const held = session.isOnHold().local;
    const found = { second: ++second, held, framesDecoded: 0, repaired: 0, framesSent: 0, sent: {}, audioPackets: 0, audioLevel: 0, codec: "", cipher: "", ufrag: "", local: "" };
    const stats = await session.connection.getStats();
    stats.forEach((entry) => {
      if (entry.type === "inbound-rtp" && entry.kind === "video") {
        found.framesDecoded = entry.framesDecoded ?? 0;
        found.repaired = entry.retransmittedPacketsReceived ?? 0;
        found.codec = stats.get(entry.codecId)?.mimeType ?? "";
      }
      if (entry.type === "transport") {
        found.cipher = entry.srtpCipher ?? "";
        const pair = stats.get(entry.selectedCandidatePairId);
        const local = stats.get(pair?.localCandidateId);
        found.ufrag = local?.usernameFragment ?? "";
        found.local = local?.candidateType ?? "";
      }
      if (entry.type === "outbound-rtp" && entry.kind === "video") {
        found.framesSent = entry.framesSent ?? 0;
        if (entry.rid) found.sent[entry.rid] = entry.framesSent ?? 0;
      }
      if (entry.type === "inbound-rtp" && entry.kind === "audio") {
        found.audioPackets = entry.packetsReceived ?? 0;
        found.audioLevel = entry.audioLevel ?? 0;
      }
    });
    said("stats", found);
  }, 1000);
  session.on("ended", () => clearInterval(timer));
}
said("loaded");
