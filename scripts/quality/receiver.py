"""Listens to a channel with Sora's own Python SDK and says what came and when.

One JSON object as argument: urls, channel. Commands by line on standard input:
  stats         prints a line {"stats": [...]}
  take PATH     writes what was heard since the last take: PATH.pcm (16 kHz mono, 16 bit) and PATH.times, the monotonic
                time of each 10 ms frame's callback in ms as 64-bit floats; prints {"taken": frames}
Prints {"joined": true} once joined, {"track": true} for each audio track.
"""

import json
import os
import sys
import threading
import time

import numpy as np
from sora_sdk import Sora, SoraAudioStreamSink

SAMPLE_RATE = 16000

options = json.loads(sys.argv[1])
output_lock = threading.Lock()
frames = []
sinks = []


def tell(**fields):
    with output_lock:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


def on_frame(frame):
    frames.append((time.monotonic_ns() / 1e6, np.array(frame.data()[:, 0], dtype=np.int16)))


def on_track(track):
    if track.kind != "audio":
        return
    # A stream sink: the plain one's read holds the interpreter's lock.
    sink = SoraAudioStreamSink(track, SAMPLE_RATE, 1)
    sink.on_frame = on_frame
    sinks.append((track, sink))
    tell(track=True)


def on_notify(raw):
    message = json.loads(raw)
    if message.get("event_type") == "connection.created":
        tell(joined=True)


connection = Sora().create_connection(
    signaling_urls=options["urls"],
    role="recvonly",
    channel_id=options["channel"],
    audio=True,
    video=False,
    data_channel_signaling=False,
)
connection.on_notify = on_notify
connection.on_track = on_track
connection.on_disconnect = lambda code, message: tell(disconnected=f"{code}: {message}")
connection.connect()

for line in sys.stdin:
    command, _, argument = line.strip().partition(" ")
    if command == "stats":
        tell(stats=json.loads(connection.get_stats()))
    elif command == "take":
        count = len(frames)
        taken = frames[:count]
        del frames[:count]
        np.concatenate([pcm for _, pcm in taken] or [np.zeros(0, np.int16)]).tofile(argument + ".pcm")
        np.array([at for at, _ in taken]).tofile(argument + ".times")
        tell(taken=count)
# The SDK's own teardown is not what is measured here.
os._exit(0)
