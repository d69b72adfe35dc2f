"""Vonage's server SDK under orders that come as messages of the call: python server.py PORT"""
import asyncio
import json
import logging
import math
import struct
import sys

from audio_connector_sdk.vonage_video import Video
from audio_connector_sdk.vonage_video.models import AudioConnectorServerConfig

logging.disable(logging.CRITICAL)


def tone(hz, rate, seconds):
    count = int(rate * seconds)
    step = 2 * math.pi * hz / rate
    return struct.pack(f"<{count}h", *(int(12000 * math.sin(step * at)) for at in range(count)))


# By the names that calls were given: set once such a call is over.
ends = {}


async def obey(client, order, heard):
    name = order["order"]
    if name == "info":
        info = client.info().model_dump()
        await client.send_json_packet(json.dumps({"reply": "info", "info": info}))
    elif name == "heard":
        samples = heard["audio"][-heard["rate"] * 2 :].hex()
        reply = {"reply": "heard", "pcm": samples, "texts": heard["texts"]}
        await client.send_json_packet(json.dumps(reply))
    elif name == "tone":
        options = order.get("options", {})
        pcm = tone(order["hz"], order["rate"], order["seconds"])
        await client.send_audio_buffer(pcm, **options)
    elif name == "timing":
        client.set_buffer_timing(active_seconds=order["seconds"])
    elif name == "flush":
        await client.flush_buffer()
    elif name == "broken":
        try:
            await client.send_json_packet("{ no json")
        except ValueError:
            await client.send_json_packet(json.dumps({"reply": "refused"}))
    elif name == "name":
        heard["name"] = order["name"]
        await client.send_json_packet(json.dumps({"reply": "named"}))
    elif name == "awaitEnd":
        await ends.setdefault(order["name"], asyncio.Event()).wait()
        await client.send_json_packet(json.dumps({"reply": "ended"}))
    elif name == "disconnect":
        client.disconnect()
    else:
        await client.send_json_packet(json.dumps({"reply": "unknown"}))


async def on_connect(client):
    heard = {"audio": b"", "texts": [], "rate": 16000, "name": ""}

    async def on_message(message):
        if isinstance(message, bytes):
            heard["audio"] = (heard["audio"] + message)[-96000:]
            return
        value = json.loads(message)
        if "order" in value:
            await obey(client, value, heard)
        elif "digit" in value:
            heard["texts"].append(value["digit"])
        elif value.get("event") == "websocket:media:update":
            heard["texts"].append(f"update {json.dumps(value['active'])}")
        elif value.get("event") == "websocket:cleared":
            heard["texts"].append("cleared")
        elif value.get("event") == "websocket:notify":
            heard["texts"].append(f"notify {value['payload']['mark']}")

    async def on_disconnect():
        ends.setdefault(heard["name"], asyncio.Event()).set()

    client.set_handler(on_message=on_message, on_disconnect=on_disconnect)


async def main():
    config = AudioConnectorServerConfig(host="127.0.0.1", port=int(sys.argv[1]), on_connect=on_connect)
    handle = await Video().start_audio_connector_server(config)
    print(json.dumps({"address": handle.get_address()}), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
