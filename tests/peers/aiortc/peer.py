"""A party in aiortc: an implementation of ICE, DTLS, SRTP, H.264 and VP8 that is not ours, signed in
over SIP in WebSocket. It prints what happens, a JSON object a line; a line on standard input hangs
up. The one argument is a JSON object: server, domain, user, password, call (a number, or null to be
called), video ("H264" or "VP8"), hidden (whether an offer says no address)."""

import asyncio
import fractions
import hashlib
import json
import math
import os
import re
import ssl
import struct
import sys
import time
import uuid

import aioice.ice
import av
import websockets
from aiortc import (
    MediaStreamTrack,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    VideoStreamTrack,
)

OPTIONS = json.loads(sys.argv[1])
# aioice leaves loopback out, which is all that there is here.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
# Whatever happens, nothing is left running.
LIFE_S = 120


def said(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Camera(VideoStreamTrack):
    """Pictures that move, so that an encoder has something to do."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(width=320, height=240, format="yuv420p")
        for index, plane in enumerate(frame.planes):
            shade = (pts // 3000 * (index + 3)) % 200 + 20
            row = bytes((shade + x) % 256 for x in range(plane.line_size))
            plane.update(row * plane.height)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Microphone(MediaStreamTrack):
    """A tone, 20 ms at a time."""

    kind = "audio"
    rate, samples, hz = 48_000, 960, 440

    def __init__(self):
        super().__init__()
        self.began, self.at = time.monotonic(), 0

    async def recv(self):
        due = self.began + self.at / self.rate
        await asyncio.sleep(max(0, due - time.monotonic()))
        step = 2 * math.pi * self.hz / self.rate
        tone = [int(8000 * math.sin((self.at + n) * step)) for n in range(self.samples)]
        frame = av.AudioFrame(format="s16", layout="mono", samples=self.samples)
        frame.planes[0].update(struct.pack(f"<{self.samples}h", *tone))
        frame.sample_rate, frame.pts = self.rate, self.at
        frame.time_base = fractions.Fraction(1, self.rate)
        self.at += self.samples
        return frame


class Media:
    """The connection, and what came over it."""

    def __init__(self):
        self.connection = RTCPeerConnection()
        self.frames, self.level = 0, 0.0
        self.connection.on("track", lambda track: asyncio.ensure_future(self.take(track)))
        for track in (Microphone(), Camera()):
            self.connection.addTrack(track)
        wanted = f"video/{OPTIONS['video']}"
        codecs = RTCRtpSender.getCapabilities("video").codecs
        codecs = [codec for codec in codecs if codec.mimeType == wanted]
        for transceiver in self.connection.getTransceivers():
            if transceiver.kind == "video":
                transceiver.setCodecPreferences(codecs)

    async def take(self, track):
        while True:
            frame = await track.recv()
            if track.kind == "video":
                self.frames += 1
                continue
            sound = bytes(frame.planes[0])
            samples = struct.unpack(f"<{len(sound) // 2}h", sound)
            self.level = max(abs(sample) for sample in samples) / 32_768

    async def offer(self):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        return re.sub(r"a=candidate:.*\r\n", "", sdp) if OPTIONS["hidden"] else sdp

    async def answered(self, sdp):
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp):
        # It knows no m=text, which comes last; an answer may leave it out.
        lines = sdp.split("m=text", 1)[0].replace("BUNDLE 0 1 2", "BUNDLE 0 1")
        await self.connection.setRemoteDescription(RTCSessionDescription(lines, "offer"))
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp

    async def watch(self):
        said("confirmed")
        second = 0
        while True:
            await asyncio.sleep(1)
            second += 1
            said("stats", second=second, framesDecoded=self.frames, audioLevel=self.level)


class Agent:
    """As much of SIP as a call needs (RFC 3261, RFC 7118, RFC 8760)."""

    def __init__(self, socket):
        self.socket = socket
        self.domain, self.user = OPTIONS["domain"], OPTIONS["user"]
        self.own = f"sip:{self.user}@{self.domain}"
        self.contact = f"<sip:{self.user}@aiortc.invalid;transport=ws>"
        self.tag, self.count, self.media = uuid.uuid4().hex[:8], 0, None
        self.call, self.peer, self.target, self.sequence = None, None, None, 1

    async def request(self, method, uri, to, call, sequence, headers=(), body=""):
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/WSS aiortc.invalid;branch=z9hG4bK{uuid.uuid4().hex}",
            "Max-Forwards: 70",
            f"From: <{self.own}>;tag={self.tag}",
            f"To: {to}",
            f"Call-ID: {call}",
            f"CSeq: {sequence} {method}",
            f"Contact: {self.contact}",
            *headers,
        ]
        await self.send(lines, body)

    async def send(self, lines, body):
        if body:
            lines.append("Content-Type: application/sdp")
        lines += [f"Content-Length: {len(body)}", "", body]
        await self.socket.send("\r\n".join(lines))

    async def respond(self, request, status, body=""):
        lines = [f"SIP/2.0 {status}"]
        for name in ("via", "from", "call-id", "cseq"):
            lines += [f"{name.title()}: {value}" for value in request[name]]
        to = request["to"][0]
        lines.append(f"To: {to}" if "tag=" in to else f"To: {to};tag={self.tag}")
        lines.append(f"Contact: {self.contact}")
        await self.send(lines, body)

    async def register(self, challenge=None):
        self.count += 1
        uri, headers = f"sip:{self.domain}", ["Expires: 600"]
        if challenge:
            headers.append(f"Authorization: {self.digest(challenge, 'REGISTER', uri)}")
        await self.request("REGISTER", uri, f"<{self.own}>", "register", self.count, headers)

    def digest(self, challenge, method, uri):
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        hashed = lambda text: hashlib.sha256(text.encode()).hexdigest()
        own, count = uuid.uuid4().hex, "00000001"
        secret = hashed(f"{self.user}:{given['realm']}:{OPTIONS['password']}")
        asked = hashed(f"{method}:{uri}")
        response = hashed(f"{secret}:{given['nonce']}:{count}:{own}:auth:{asked}")
        return (
            f'Digest username="{self.user}", realm="{given["realm"]}", nonce="{given["nonce"]}", '
            f'uri="{uri}", algorithm=SHA-256, qop=auth, nc={count}, cnonce="{own}", '
            f'response="{response}"'
        )

    async def invite(self):
        self.media, self.call = Media(), uuid.uuid4().hex
        number = f"sip:{OPTIONS['call']}@{self.domain}"
        body = await self.media.offer()
        await self.request("INVITE", number, f"<{number}>", self.call, 1, body=body)

    async def on_response(self, status, headers, body):
        method = headers["cseq"][0].split()[1]
        if method == "REGISTER" and status == 401:
            offered = [one for one in headers["www-authenticate"] if "algorithm=SHA-256" in one]
            await self.register(offered[0])
        elif method == "REGISTER":
            said("registered", status=status)
            if OPTIONS["call"]:
                await self.invite()
        elif method == "INVITE" and status >= 200:
            self.peer = headers["to"][0]
            contact = headers.get("contact", [f"<sip:{self.domain}>"])[0]
            self.target = re.search(r"<([^>]+)>", contact)[1]
            if self.sequence == 1:
                self.sequence = 2
                if status == 200:
                    await self.media.answered(body)
                    asyncio.ensure_future(self.media.watch())
                else:
                    reason = headers.get("vrs-reason", [""])[0]
                    said("failed", status=status, reason=reason)
            await self.request("ACK", self.target, self.peer, self.call, 1)

    async def on_request(self, method, headers, body):
        if method == "INVITE":
            await self.respond(headers, "180 Ringing")
            number = headers.get("vrs-called-number", [""])[0]
            said("invited", number=number)
            self.media, self.call = Media(), headers["call-id"][0]
            self.peer = headers["from"][0]
            self.target = re.search(r"<([^>]+)>", headers["contact"][0])[1]
            await self.respond(headers, "200 OK", await self.media.answer(body))
        elif method == "ACK":
            asyncio.ensure_future(self.media.watch())
        else:
            await self.respond(headers, "200 OK")
            if method == "BYE":
                said("ended", reason=headers.get("vrs-reason", [""])[0])

    async def hang_up(self):
        await self.request("BYE", self.target, self.peer, self.call, self.sequence)

    async def listen(self):
        async for message in self.socket:
            text = message if isinstance(message, str) else message.decode()
            head, _, body = text.partition("\r\n\r\n")
            first, *lines = head.split("\r\n")
            if not first:
                continue
            headers = {}
            for line in lines:
                name, _, value = line.partition(":")
                headers.setdefault(name.strip().lower(), []).append(value.strip())
            words = first.split()
            if words[0] == "SIP/2.0":
                await self.on_response(int(words[1]), headers, body)
            else:
                await self.on_request(words[0], headers, body)


async def main():
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    async with websockets.connect(OPTIONS["server"], ssl=trust, subprotocols=["sip"]) as socket:
        agent = Agent(socket)
        listening = asyncio.ensure_future(agent.listen())
        await agent.register()
        loop = asyncio.get_running_loop()
        order = loop.run_in_executor(None, sys.stdin.readline)
        await asyncio.wait([listening, order], return_when=asyncio.FIRST_COMPLETED, timeout=LIFE_S)
        if order.done() and order.result():
            await agent.hang_up()
            await asyncio.sleep(1)
        if listening.done():
            listening.result()


try:
    asyncio.run(asyncio.wait_for(main(), LIFE_S + 5))
finally:
    # The reader of standard input cannot be woken.
    sys.stdout.flush()
    os._exit(0)
