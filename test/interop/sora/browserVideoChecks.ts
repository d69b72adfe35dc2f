// Video between Sora's JavaScript SDK in Chromium and its Python SDK, through the stage.
import type { JoinPage } from "./BrowserParty.ts";
import { type Checks, expect } from "./Checks.ts";
import { PythonParty } from "./PythonParty.ts";
import { isShown, LARGE, sees } from "./videoChecks.ts";

export async function browserVideoChecks(
  checks: Checks,
  { url, python, joinPage }: { url: string; python: string; joinPage: JoinPage },
): Promise<void> {
  const view = (channel: string, extra: object, openh264 = false) =>
    PythonParty.join("Python", python, {
      urls: [url],
      channel,
      role: "recvonly",
      openh264,
      extra: { video: true, audio: false, ...extra },
    });
  for (const codec of ["VP8", "VP9", "AV1", "H264"]) {
    await checks.check(`video: Python sees JavaScript in ${codec}`, async () => {
      const channel = `javascript-${codec}`;
      const options = { video: true, videoCodecType: codec };
      const page = await joinPage("JavaScript", channel, { role: "sendonly", camera: LARGE, options });
      const viewer = await view(channel, {}, codec === "H264");
      try {
        const seen = await sees(viewer, ({ frames, width }) => frames >= 10 && width > 0);
        expect(isShown(seen, LARGE), `it saw ${JSON.stringify(seen)}`);
        return `${seen.width} x ${seen.height}, ${seen.color}`;
      } finally {
        await Promise.all([page.close(), viewer.close()]);
      }
    });
  }
  await checks.check(
    "video: JavaScript sees Python, and gets the layer that it asks for by a call",
    async () => {
      const channel = "javascript-layers";
      const sender = await PythonParty.join("Python", python, {
        urls: [url],
        channel,
        role: "sendonly",
        camera: LARGE,
        extra: { video: true, audio: false, video_codec_type: "VP8", simulcast: true, video_bit_rate: 3000 },
      });
      const options = { video: true, simulcast: true, simulcastRequestRid: "r0", dataChannelSignaling: true };
      const page = await joinPage("JavaScript", channel, { role: "recvonly", options });
      try {
        await page.until("switched", ({ event }) => event === "switched");
        const small = await sees(page, ({ frames, width }) => frames >= 5 && width === LARGE.width / 4);
        expect(isShown(small, LARGE), `it saw ${JSON.stringify(small)}`);
        await page.rpc("2025.2.0/RequestSimulcastRid", { rid: "r2" });
        await sees(page, ({ width }) => width === LARGE.width);
        const { message } = await page.until("simulcast.switched", ({ event, message: it }) => {
          return event === "notify" && (it as { event_type?: string }).event_type === "simulcast.switched";
        });
        const { current_rid, previous_rid, request_rid } = message as Record<string, unknown>;
        expect(
          request_rid === "r2" && current_rid === "r2" && previous_rid === "r0",
          JSON.stringify(message),
        );
        return `${previous_rid} to ${current_rid}`;
      } finally {
        await Promise.all([page.close(), sender.close()]);
      }
    },
  );
  await checks.check("video: JavaScript sends layers, and Python gets the one that it asks for", async () => {
    const channel = "javascript-simulcast";
    const options = { video: true, videoCodecType: "VP8", videoBitRate: 3000, simulcast: true };
    const page = await joinPage("JavaScript", channel, { role: "sendonly", camera: LARGE, options });
    const viewer = await view(channel, { simulcast: true, simulcast_rid: "r1" });
    try {
      const seen = await sees(viewer, ({ frames, width }) => frames >= 5 && width === LARGE.width / 2);
      return `${seen.width} x ${seen.height}`;
    } finally {
      await Promise.all([page.close(), viewer.close()]);
    }
  });
}
