"""A client on Sora's own Python SDK that does what it is told: JSON commands in by line, JSON events out by line."""

import base64
import collections
import glob
import json
import os
import sys
import threading
import time

import numpy as np
from sora_sdk import (
    Sora,
    SoraAudioFrameTransformer,
    SoraAudioStreamSink,
    SoraDegradationPreference,
    SoraTransformableFrameDirection,
    SoraVideoCodecImplementation,
    SoraVideoSink,
    create_video_codec_preference_from_implementation,
    get_video_codec_capability,
)

SAMPLE_RATE = 16000
FRAME = SAMPLE_RATE // 100
MAXIMUM_HEARD_FRAMES = 60 * 100

options = json.loads(sys.argv[1])
output_lock = threading.Lock()


def emit(event, **fields):
    with output_lock:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()


class Player(threading.Thread):
    """Feeds the source in real time: what it was given, once or round and round, then silence."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source = source
        self.lock = threading.Lock()
        self.pcm = np.zeros(0, dtype=np.int16)
        self.position = 0
        self.loop = False
        self.running = True

    def play(self, pcm, loop):
        with self.lock:
            self.pcm, self.position, self.loop = pcm, 0, loop

    def next_frame(self):
        with self.lock:
            if self.loop and self.position + FRAME > len(self.pcm):
                self.position = 0
            frame = self.pcm[self.position : self.position + FRAME]
            self.position += FRAME
        return np.pad(frame, (0, FRAME - len(frame)))

    def run(self):
        due = time.monotonic()
        while self.running:
            self.source.on_data(self.next_frame().reshape(FRAME, 1))
            due += 0.01
            time.sleep(max(0, due - time.monotonic()))


class Camera(threading.Thread):
    """Shows one colour, with a square of noise in it that keeps an encoder busy."""

    def __init__(self, source, width, height, fps, color):
        super().__init__(daemon=True)
        self.source = source
        self.fps = fps
        self.picture = np.full((height, width, 3), color, dtype=np.uint8)
        self.running = True

    def run(self):
        side = self.picture.shape[0] // 4
        noise = np.random.default_rng(1)
        due = time.monotonic()
        while self.running:
            self.picture[-side:, -side:] = noise.integers(0, 256, (side, side, 3), dtype=np.uint8)
            self.source.on_captured(self.picture)
            due += 1 / self.fps
            time.sleep(max(0, due - time.monotonic()))


class Eye:
    """Counts the pictures on the video tracks, and looks at the last of each."""

    def __init__(self):
        self.tracks = []

    def on_track(self, track):
        if track.kind != "video":
            return
        seen = {"stream_id": track.stream_id, "frames": 0, "width": 0, "height": 0, "color": []}
        sink = SoraVideoSink(track)
        sink.on_frame = lambda frame: self.look(seen, frame.data())
        self.tracks.append((track, sink, seen))

    def look(self, seen, picture):
        seen["height"], seen["width"] = picture.shape[:2]
        corner = picture[: seen["height"] // 4, : seen["width"] // 4]
        seen["color"] = [int(value) for value in corner.reshape(-1, 3).mean(axis=0)]
        seen["frames"] += 1

    def seen(self):
        return [dict(seen) for _, _, seen in self.tracks]


class Ear:
    """Keeps what comes on the audio tracks. Stream sinks, since the plain one's read holds the interpreter lock."""

    def __init__(self):
        self.tracks = []

    def on_track(self, track):
        emit("track", kind=track.kind, stream_id=track.stream_id)
        if track.kind != "audio":
            return
        frames = collections.deque(maxlen=MAXIMUM_HEARD_FRAMES)
        sink = SoraAudioStreamSink(track, SAMPLE_RATE, 1)
        sink.on_frame = lambda frame: frames.append(np.array(frame.data()[:, 0], dtype=np.int16))
        self.tracks.append((track, sink, frames))

    def clear(self):
        for _, _, frames in self.tracks:
            frames.clear()

    def heard(self):
        """All tracks at once, aligned at now."""
        heard = [np.concatenate(list(frames)) for _, _, frames in self.tracks if frames]
        mix = np.zeros(max(map(len, heard), default=0), dtype=np.int32)
        for pcm in heard:
            mix[len(mix) - len(pcm) :] += pcm
        return np.clip(mix, -32768, 32767).astype(np.int16)


def trailing(trailer):
    """Puts the trailer behind frames on their way out, and takes it off on their way in."""
    transformer = SoraAudioFrameTransformer()

    def on_transform(frame):
        data = frame.get_data()
        if frame.direction == SoraTransformableFrameDirection.SENDER:
            frame.set_data(np.concatenate([data, trailer]))
        elif np.array_equal(data[-len(trailer) :], trailer):
            frame.set_data(np.ascontiguousarray(data[: -len(trailer)]))
        transformer.enqueue(frame)

    transformer.on_transform = on_transform
    return transformer


def as_arguments(extra):
    """PEM comes as text and is wanted as bytes, and members of enumerations come by their names."""
    pem = ("ca_cert", "client_cert", "client_key")
    arguments = {name: value.encode() if name in pem else value for name, value in extra.items()}
    if "degradation_preference" in arguments:
        arguments["degradation_preference"] = SoraDegradationPreference[arguments["degradation_preference"]]
    return arguments


def with_openh264():
    """Sora with H.264 by OpenH264, which Chromium brings along, beside what the SDK has of its own."""
    path = next(iter(sorted(glob.glob("/usr/lib/*/libopenh264.so.*"))), None)
    if path is None:
        raise RuntimeError("libopenh264 is missing")
    capability = get_video_codec_capability(path)
    preference = create_video_codec_preference_from_implementation(capability, SoraVideoCodecImplementation.INTERNAL)
    added = create_video_codec_preference_from_implementation(capability, SoraVideoCodecImplementation.CISCO_OPENH264)
    preference.merge(added)
    return Sora(openh264=path, video_codec_preference=preference)


sora = with_openh264() if options.get("openh264") else Sora()
ear = Ear()
eye = Eye()
sends = options["role"] != "recvonly"
source = sora.create_audio_source(channels=1, sample_rate=SAMPLE_RATE) if sends else None
trailer = np.frombuffer(bytes.fromhex(options.get("trailer", "")), dtype=np.uint8)
transform = {"audio_frame_transformer": trailing(trailer)} if len(trailer) else {}
picture_source = sora.create_video_source() if "camera" in options else None
connection = sora.create_connection(
    signaling_urls=options["urls"],
    role=options["role"],
    channel_id=options["channel"],
    audio_source=source,
    video_source=picture_source,
    **{"audio": True, "video": False, **transform, **as_arguments(options.get("extra", {}))},
)
disconnected = threading.Event()
own_id = None


def on_set_offer(raw):
    global own_id
    own_id = json.loads(raw)["connection_id"]
    emit("offer", connection_id=own_id)


def on_notify(raw):
    message = json.loads(raw)
    emit("notify", message=message, own=message.get("connection_id") == own_id)


def on_disconnect(code, message):
    emit("disconnect", code=str(code).rsplit(".", 1)[-1], message=message)
    disconnected.set()


def on_track(track):
    ear.on_track(track)
    eye.on_track(track)


connection.on_set_offer = on_set_offer
connection.on_notify = on_notify
connection.on_push = lambda raw: emit("push", message=json.loads(raw))
connection.on_track = on_track
connection.on_data_channel = lambda label: emit("data_channel", label=label)
connection.on_message = lambda label, data: emit("message", label=label, data=base64.b64encode(data).decode())
connection.on_switched = lambda raw: emit("switched", message=json.loads(raw))
connection.on_ws_close = lambda code, reason: emit("ws_close", code=code, reason=reason)
connection.on_disconnect = on_disconnect


def on_signaling_message(path, direction, raw):
    emit("signaling", direction=str(direction).rsplit(".", 1)[-1].lower(), message=json.loads(raw))


connection.on_signaling_message = on_signaling_message

player = Player(source) if sends else None
if player:
    player.start()
camera = Camera(picture_source, **options["camera"]) if picture_source else None
if camera:
    camera.start()
connection.connect()


def codecs_of_engines():
    return [
        {
            "name": engine.name,
            "codecs": [
                {"type": codec.type.name, "decoder": codec.decoder, "encoder": codec.encoder} for codec in engine.codecs
            ],
        }
        for engine in get_video_codec_capability().engines
    ]


def obey(command):
    name = command["command"]
    if name == "play":
        player.play(np.frombuffer(base64.b64decode(command["pcm"]), dtype=np.int16), command["loop"])
    elif name == "clear":
        ear.clear()
    elif name == "heard":
        emit("heard", id=command["id"], pcm=base64.b64encode(ear.heard().tobytes()).decode())
    elif name == "seen":
        emit("seen", id=command["id"], tracks=eye.seen())
    elif name == "capability":
        emit("capability", id=command["id"], engines=codecs_of_engines())
    elif name == "send":
        sent = connection.send_data_channel(command["label"], base64.b64decode(command["data"]))
        emit("sent", id=command["id"], sent=sent)
    elif name == "stats":
        emit("stats", id=command["id"], stats=json.loads(connection.get_stats()))
    elif name == "disconnect":
        connection.disconnect()
        disconnected.wait(10)
        return False
    return True


for line in sys.stdin:
    if not obey(json.loads(line)):
        break
if camera:
    camera.running = False
    camera.join()
if player:
    player.running = False
    player.join()
emit("end")
# The SDK's own teardown is not what is tested here, and it may crash after a close by the server.
sys.stdout.flush()
os._exit(0)
