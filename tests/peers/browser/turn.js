// Two ends of WebRTC that may use nothing but relays of one TURN server, and talk to each other.
const WORDS = 20;

const say = (event, data) => window.report(JSON.stringify({ event, ...data }));

// Statistics are a little behind: words pass before the pair they pass over counts as chosen.
async function relayProtocols(end) {
  let stats, pair;
  while (!pair) {
    stats = [...(await end.getStats()).values()];
    pair = stats.find((s) => s.type === "candidate-pair" && s.nominated && s.state === "succeeded");
    if (!pair) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const find = (id) => stats.find((s) => s.id === id) ?? {};
  const [local, remote] = [find(pair.localCandidateId), find(pair.remoteCandidateId)];
  return { local: local.candidateType, remote: remote.candidateType, over: local.relayProtocol };
}

window.start = async (options) => {
  const { username, password: credential } = options.credential;
  const iceServers = [{ urls: options.urls, username, credential }];
  const begin = performance.now();
  const [one, other] = [0, 1].map(() => new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" }));
  for (const [end, peer] of [[one, other], [other, one]]) {
    end.onicecandidate = ({ candidate }) => candidate && peer.addIceCandidate(candidate);
    end.onicecandidateerror = ({ errorCode, errorText, url }) => say("error", { errorCode, errorText, url });
  }
  const channel = one.createDataChannel("words", { ordered: true });
  other.ondatachannel = ({ channel }) => (channel.onmessage = ({ data }) => channel.send(data));
  let heard = 0;
  channel.onmessage = async () => {
    heard += 1;
    if (heard === WORDS) say("heard", { heard, ...(await relayProtocols(one)) });
  };
  channel.onopen = () => {
    say("open", { ms: Math.round(performance.now() - begin) });
    for (let word = 0; word < WORDS; word += 1) channel.send(`word ${word}`);
  };
  await one.setLocalDescription();
  await other.setRemoteDescription(one.localDescription);
  await other.setLocalDescription();
  await one.setRemoteDescription(other.localDescription);
};
