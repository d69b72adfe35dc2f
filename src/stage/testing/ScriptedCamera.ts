import { Engine, type EngineForwarder, type EnginePeer } from "../../native/index.ts";
import type { ScriptedMember } from "./ScriptedMember.ts";

const PAYLOAD_TYPE = 96;
const CAMERA_SSRC = 4711;
/** A VP8 payload descriptor that begins a picture, and the first bytes of a key frame and of another. */
const KEY_PICTURE = [0x10, 0x50, 0, 0];
const PICTURE = [0x10, 0x51, 0, 0];

/** Sends made-up VP8 packets on a member's video line. */
export class ScriptedCamera {
  readonly #peer: EnginePeer = Engine.shared().createPeer();
  readonly #forwarder: EngineForwarder;
  #number = 0;

  constructor({ session }: ScriptedMember) {
    const line = session.transceivers.find(
      ({ kind, currentDirection }) => kind === "video" && currentDirection === "sendonly",
    );
    if (!line) throw new Error("the member has no line for its video");
    const codec = { payloadType: PAYLOAD_TYPE, name: "vp8", clockRate: 90_000, channels: 1 };
    const options = {
      kind: "video" as const,
      mid: "camera",
      ssrcs: [CAMERA_SSRC],
      codecs: [codec],
      nack: false,
    };
    this.#forwarder = session.peer.createForwarder(this.#peer.createReceiver(options), {
      mid: line.mid,
      ssrc: line.localSsrc,
      cname: line.cname,
      payloadTypes: [[PAYLOAD_TYPE, line.codecs[0]!.payloadType]],
      nack: line.nack,
    });
  }

  /** One packet, which is a whole picture. */
  show(key = false): void {
    this.#number += 1;
    const header = Buffer.alloc(12);
    header.writeUInt8(0x80, 0);
    header.writeUInt8(0x80 | PAYLOAD_TYPE, 1);
    header.writeUInt16BE(this.#number, 2);
    header.writeUInt32BE(this.#number * 3000, 4);
    header.writeUInt32BE(CAMERA_SSRC, 8);
    this.#peer.receive(Buffer.concat([header, Buffer.from(key ? KEY_PICTURE : PICTURE)]), 0);
  }

  close(): void {
    this.#forwarder.close();
    this.#peer.close();
  }
}
