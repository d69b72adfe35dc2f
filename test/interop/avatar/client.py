"""A client on the official avatar SDK that does what it is told: JSON commands in by line, JSON events out by line."""

import asyncio
import base64
import json
import sys
from datetime import datetime, timedelta, timezone

from avatarkit import (
    AgoraEgressConfig,
    AvatarSDKError,
    LiveKitEgressConfig,
    OggOpusEncoderConfig,
    generate_log_id,
    new_avatar_session,
)
from avatarkit.proto.generated import message_pb2


def emit(event, **fields):
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def describe(error):
    if isinstance(error, AvatarSDKError):
        return {"reason": error.code.value, "phase": error.phase}
    return {"reason": type(error).__name__, "phase": ""}


def on_frame(frame, last):
    message = message_pb2.Message()
    message.ParseFromString(frame)
    emit("frame", requestId=message.server_response_animation.req_id, last=last, bytes=len(frame))


class Client:
    def __init__(self):
        self.session = None

    async def open(self, client, avatarId, lifetimeSeconds=300, **options):
        egress, agora, encoder = options.pop("liveKit", None), options.pop("agora", None), options.pop("encoder", None)
        self.session = new_avatar_session(
            avatar_id=avatarId,
            api_key=client["apiKey"],
            app_id=client["appId"],
            console_endpoint_url=client["consoleUrl"],
            ingress_endpoint_url=client["ingressUrl"],
            expire_at=datetime.now(timezone.utc) + timedelta(seconds=lifetimeSeconds),
            use_query_auth=options.get("useQueryAuth", False),
            sample_rate=options.get("sampleRate", 16000),
            bitrate=options.get("bitrate", 0),
            audio_format=options.get("audioFormat", "pcm_s16le"),
            ogg_opus_encoder=OggOpusEncoderConfig(frame_duration_ms=encoder) if encoder else None,
            livekit_egress=LiveKitEgressConfig(**egress) if egress else None,
            agora_egress=AgoraEgressConfig(**agora) if agora else None,
            transport_frames=on_frame,
            on_encoded_audio=lambda request, audio: emit("encoded", requestId=request, bytes=len(audio)),
            on_error=lambda error: emit("error", **describe(error)),
            on_close=lambda: emit("closed"),
        )
        try:
            await self.session.init()
            return {"connectionId": await self.session.start()}
        except Exception as error:
            return {"error": describe(error)}

    async def send(self, audio, end=False):
        return await self.session.send_audio(base64.b64decode(audio), end=end)

    async def interrupt(self):
        return await self.session.interrupt()

    async def logId(self):
        return generate_log_id()

    async def close(self):
        await self.session.close()


async def main():
    client = Client()
    reader = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()

    async def run(command):
        number, name = command.pop("id"), command.pop("command")
        try:
            emit("result", id=number, value=await getattr(client, name)(**command))
        except Exception as error:  # what a test did not expect is for it to print
            emit("result", id=number, error=f"{type(error).__name__}: {error}")

    while line := await reader.readline():
        task = loop.create_task(run(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
