"""A client on LiveKit's own Python SDK that does what it is told: JSON commands in by line, JSON events out by line."""

import asyncio
import base64
import hashlib
import json
import math
import sys

import numpy as np
from livekit import rtc

HEARD_RATE = 16000
HEARD_FRAMES = 150
FRAME = 480

loop = asyncio.new_event_loop()
room = None
tasks = set()


def emit(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def start(coroutine):
    task = loop.create_task(coroutine)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


class Client:
    def __init__(self):
        self.room = rtc.Room(loop=loop)
        self.heard = {}
        self.publication = None
        self.listen()

    def listen(self):
        on = self.room.on
        on("participant_connected", lambda p: emit("participantConnected", identity=p.identity))
        on("participant_disconnected", lambda p: emit("participantDisconnected", identity=p.identity))
        on("track_subscribed", self.on_track)
        on("track_unsubscribed", lambda t, pub, p: emit("trackUnsubscribed", identity=p.identity))
        on("track_muted", lambda p, pub: emit("trackMuted", identity=p.identity))
        on("track_unmuted", lambda p, pub: emit("trackUnmuted", identity=p.identity))
        on("data_received", self.on_data)
        on("sip_dtmf_received", lambda d: emit("dtmf", digit=d.digit, identity=d.participant.identity))
        on("transcription_received", self.on_transcription)
        on("participant_attributes_changed", lambda c, p: emit("attributes", identity=p.identity, changed=dict(c)))
        on("participant_metadata_changed", lambda p, old, new: emit("metadata", identity=p.identity, metadata=new))
        on("participant_name_changed", lambda p, old, new: emit("name", identity=p.identity, name=new))
        on("reconnecting", lambda: emit("reconnecting"))
        on("reconnected", lambda: emit("reconnected"))
        on("disconnected", lambda reason: emit("disconnected", reason=str(reason)))
        on("e2ee_state_changed", lambda p, state: emit("encryption", identity=p.identity, state=int(state)))

    def on_track(self, track, publication, participant):
        emit("trackSubscribed", identity=participant.identity, name=publication.name, source=int(publication.source))
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            start(self.hear(track, participant.identity))

    async def hear(self, track, identity):
        # The stream of an earlier subscription goes on beside this one: it keeps to a list of its own.
        frames = self.heard[identity] = []
        stream = rtc.AudioStream(track, sample_rate=HEARD_RATE, num_channels=1)
        async for event in stream:
            frames.append(np.frombuffer(event.frame.data, dtype=np.int16).copy())
            del frames[:-HEARD_FRAMES]

    def on_data(self, packet):
        identity = packet.participant.identity if packet.participant else ""
        text = packet.data.decode("utf8", "replace")
        reliable = packet.kind == rtc.DataPacketKind.KIND_RELIABLE
        emit("data", identity=identity, topic=packet.topic, text=text, reliable=reliable)

    def on_transcription(self, segments, participant, publication):
        emit(
            "transcription",
            identity=participant.identity if participant else "",
            segments=[{"id": s.id, "text": s.text, "final": s.final} for s in segments],
        )

    async def join(self, url, token, hz=0, key=None, cover="audio", autoSubscribe=True):
        options = rtc.RoomOptions(auto_subscribe=autoSubscribe)
        if key is not None:
            encryption = rtc.E2EEOptions(key_provider_options=rtc.KeyProviderOptions(shared_key=key.encode()))
            if cover == "data":
                options.encryption = encryption
            else:
                options.e2ee = encryption
        await self.room.connect(url, token, options=options)
        if hz:
            await self.publish(hz)

    async def publish(self, hz):
        source = rtc.AudioSource(48000, 1)
        track = rtc.LocalAudioTrack.create_audio_track("tone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        self.publication = await self.room.local_participant.publish_track(track, options)
        start(self.play(source, hz))
        return self.publication.sid

    async def play(self, source, hz):
        phase = 0
        while True:
            at = (np.arange(FRAME) + phase) * 2 * math.pi * hz / 48000
            phase += FRAME
            pcm = (np.sin(at) * 9000).astype(np.int16)
            await source.capture_frame(rtc.AudioFrame(pcm.tobytes(), 48000, 1, FRAME))

    async def hears(self, identity):
        frames = self.heard.get(identity, [])
        pcm = np.concatenate(frames) if frames else np.zeros(0, dtype=np.int16)
        return base64.b64encode(pcm.tobytes()).decode()

    async def forget(self):
        for frames in self.heard.values():
            frames.clear()

    async def ratchet(self):
        self.room.e2ee_manager.key_provider.ratchet_shared_key(0)

    async def mute(self, muted):
        track = self.publication.track
        track.mute() if muted else track.unmute()

    async def publishData(self, text, reliable=True, topic="", to=()):
        await self.room.local_participant.publish_data(
            text.encode(), reliable=reliable, topic=topic, destination_identities=list(to)
        )

    async def takeStreams(self, topic):
        self.room.register_text_stream_handler(topic, lambda reader, who: start(self.read_text(topic, reader, who)))
        self.room.register_byte_stream_handler(topic, lambda reader, who: start(self.read_bytes(topic, reader, who)))

    async def read_text(self, topic, reader, identity):
        text = await reader.read_all()
        digest = hashlib.sha256(text.encode()).hexdigest()
        emit("text", topic=topic, identity=identity, sha256=digest, size=len(text), attributes=reader.info.attributes)

    async def read_bytes(self, topic, reader, identity):
        digest, size = hashlib.sha256(), 0
        async for chunk in reader:
            digest.update(chunk)
            size += len(chunk)
        emit("file", topic=topic, identity=identity, name=reader.info.name, size=size, sha256=digest.hexdigest())

    async def sendText(self, text, topic, attributes=None):
        await self.room.local_participant.send_text(text, topic=topic, attributes=attributes or {})

    async def sendFile(self, path, topic, size=0):
        await self.room.local_participant.send_file(path, topic=topic)

    async def takeCalls(self):
        local = self.room.local_participant

        async def echo(call):
            return call.payload

        async def fails(call):
            raise rtc.RpcError(1234, "on purpose", "its data")

        async def breaks(call):
            raise ValueError("a bug")

        async def slow(call):
            await asyncio.sleep(30)
            return ""

        async def long(call):
            return "x" * 20000

        for method in (echo, fails, breaks, slow, long):
            local.register_rpc_method(method.__name__, method)

    async def call(self, to, method, payload, timeoutMs=None):
        try:
            timeout = timeoutMs / 1000 if timeoutMs else None
            value = await self.room.local_participant.perform_rpc(
                destination_identity=to, method=method, payload=payload, response_timeout=timeout
            )
            return {"value": value}
        except rtc.RpcError as error:
            return {"code": error.code, "message": error.message, "data": error.data}

    async def setAttributes(self, attributes):
        await self.room.local_participant.set_attributes(attributes)

    async def setMetadata(self, metadata):
        await self.room.local_participant.set_metadata(metadata)

    async def setName(self, name):
        await self.room.local_participant.set_name(name)

    async def transcribe(self, trackSid, text):
        local = self.room.local_participant
        segment = rtc.TranscriptionSegment(id="s1", text=text, start_time=0, end_time=0, language="en", final=True)
        await local.publish_transcription(
            rtc.Transcription(participant_identity=local.identity, track_sid=trackSid, segments=[segment])
        )

    async def dtmf(self, code, digit):
        await self.room.local_participant.publish_dtmf(code=code, digit=digit)

    async def allow(self, everybody):
        self.room.local_participant.set_track_subscription_permissions(
            allow_all_participants=everybody, participant_permissions=[]
        )

    async def participants(self):
        return {
            identity: {"name": p.name, "metadata": p.metadata, "attributes": dict(p.attributes)}
            for identity, p in self.room.remote_participants.items()
        }

    async def leave(self):
        await self.room.disconnect()


async def main():
    client = Client()
    reader = asyncio.StreamReader(limit=1 << 26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)

    async def run(command):
        number, name = command.pop("id"), command.pop("command")
        try:
            emit("result", id=number, value=await getattr(client, name)(**command))
        except Exception as error:  # what a test did not expect is for it to print
            emit("result", id=number, error=f"{type(error).__name__}: {error}")

    while line := await reader.readline():
        start(run(json.loads(line)))


asyncio.set_event_loop(loop)
loop.run_until_complete(main())
