import { RPC_ERROR_CODES } from "troupe/livekit";
import { type Checks, expect } from "../sora/Checks.ts";
import { ProcessCounterpart } from "./Counterpart.ts";
import { hears } from "./counterpartChecks.ts";
import { networkChecks } from "./networkChecks.ts";
import { agentToken, LiveKitServer, token } from "./server.ts";
import { TroupeParty } from "./TroupeParty.ts";

/** Before 1.9.10, which knows the single form, and before 1.8.0, which passes calls and streams on. */
const VERSION = "1.7.2";

/** A server that knows two peer connections alone, joined without being told so. */
export async function oldServerChecks(checks: Checks): Promise<void> {
  const server = await LiveKitServer.start({ version: VERSION });
  await checks.group(`server ${VERSION}`, async () => {
    await networkChecks(checks, server, "single");
    await counterpartChecks(checks, server);
  });
  await server.kill();
}

async function counterpartChecks(checks: Checks, { url }: LiveKitServer): Promise<void> {
  const theirs = ProcessCounterpart.node("theirs");
  const ours = await TroupeParty.join({ url, token: await token("ours", "old") }, 880);
  try {
    await theirs.ask("join", { url, token: await agentToken("theirs", "old"), hz: 440 });
    await checks.check("old server: ours hears theirs", () => hears(ours, "theirs", 440));
    await checks.check("old server: theirs hears ours", () => hears(theirs, "ours", 880));
    await checks.check("old server: data both ways", async () => {
      await ours.room.data.publishData("from ours", { topic: "t" });
      await theirs.until("data", { identity: "ours", topic: "t", text: "from ours" });
      const received = new Promise<string>((resolve) =>
        ours.room.once("dataReceived", ({ data }) => resolve(Buffer.from(data).toString())),
      );
      await theirs.ask("publishData", { text: "from theirs", topic: "t" });
      expect((await received) === "from theirs", "other data came");
      return undefined;
    });
    await checks.check("old server: calls fail both ways, for the server does not pass them on", async () => {
      const unsupportedServer = RPC_ERROR_CODES.UNSUPPORTED_SERVER;
      const call = { destinationIdentity: "theirs", method: "echo", payload: "" };
      const code = await ours.room.data.performRpc(call).catch(({ rpcCode }: { rpcCode: number }) => rpcCode);
      expect(code === unsupportedServer, `ours gave ${code}`);
      const answer = (await theirs.ask("call", { to: "ours", method: "echo", payload: "" })) as {
        code?: number;
      };
      expect(answer.code === unsupportedServer, `theirs gave ${answer.code}`);
      return String(code);
    });
  } finally {
    await Promise.all([ours.close(), theirs.close()]);
  }
}
