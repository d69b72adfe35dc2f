// Encoded transforms: Sora's Python SDK and our client put a trailer of four bytes behind each frame, and take it off.
import { EncodedAudioTransform } from "troupe";
import { type Checks, expect } from "./Checks.ts";
import { hearsTone } from "./hearing.ts";
import type { Party } from "./Party.ts";
import { PythonParty } from "./PythonParty.ts";
import type { Room } from "./pythonChecks.ts";
import { tone } from "./sound.ts";
import { TroupeParty } from "./TroupeParty.ts";

const TRAILER = Buffer.from("5a5aa5a5", "hex");
/** Enough to see both ways at work. */
const FRAMES = 25;

export async function transformChecks(checks: Checks, room: Room): Promise<void> {
  const python = (name: string, channel: string) =>
    PythonParty.join(name, room.python, { urls: [room.url], channel, trailer: TRAILER.toString("hex") });

  await checks.group("Python and Troupe with a trailer on each frame", async () => {
    const parties: Party[] = [];
    const { transform, seen } = trailing();
    try {
      const channel = "trailer";
      const ann = await python("Python", channel);
      parties.push(ann);
      const bob = await TroupeParty.join("Troupe", {
        signalingUrls: [room.url],
        channelId: channel,
        role: "sendrecv",
        audioTransform: transform,
      });
      parties.push(bob);
      await ann.play(tone(440, 1), true);
      await bob.play(tone(880, 1), true);
      await checks.check("Troupe takes Python's trailer off and hears its tone", () => hearsTone(bob, 440));
      await checks.check("Python takes Troupe's trailer off and hears its tone", () => hearsTone(ann, 880));
      await checks.check("every frame had its trailer, and none was lost on the way", async () => {
        const { outgoing, incoming } = transform.stats;
        expect(seen.without === 0, `${seen.without} frames came without it`);
        expect(outgoing.frames > FRAMES && incoming.frames > FRAMES, JSON.stringify(transform.stats));
        expect(outgoing.dropped === 0 && incoming.dropped === 0, JSON.stringify(transform.stats));
        return `${outgoing.passed} of ${outgoing.frames} out, ${incoming.passed} of ${incoming.frames} in`;
      });
    } finally {
      await Promise.all(parties.map((party) => party.close()));
      transform.close();
    }
  });

  await checks.group("Python and Python with a trailer on each frame", async () => {
    const parties: Party[] = [];
    try {
      for (const name of ["Ann", "Ben"]) parties.push(await python(name, "python-trailer"));
      await parties[0]!.play(tone(550, 1), true);
      await checks.check("Python hears Python behind a trailer", () => hearsTone(parties[1]!, 550));
    } finally {
      await Promise.all(parties.map((party) => party.close()));
    }
  });
}

function trailing(): { transform: EncodedAudioTransform; seen: { without: number } } {
  const transform = new EncodedAudioTransform();
  const seen = { without: 0 };
  transform.on("frame", (frame) => {
    if (frame.direction === "outgoing") frame.data = Buffer.concat([frame.data, TRAILER]);
    else if (TRAILER.equals(frame.data.subarray(-TRAILER.length)))
      frame.data = frame.data.subarray(0, -TRAILER.length);
    else seen.without += 1;
    transform.enqueue(frame);
  });
  return { transform, seen };
}
