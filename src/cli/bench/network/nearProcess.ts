// The near end of the network bench, in a network namespace of its own: the bot whose address changes.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Engine } from "../../../native/index.ts";
import { BenchChild, serveBench } from "../childProcess.ts";
import { nowMs, untilAddress } from "./Arrivals.ts";
import { type Place, Talker } from "./talk.ts";

const FAR_ADDRESS = "10.77.0.1";
const NEAR_ADDRESSES = ["10.77.0.2", "10.77.0.3"] as const;
/** What was under way when the address went has been received by then. */
const UNDER_WAY_MS = 15;
/** Between audio that came again and the next change. */
const PAUSE_MS = 1_500;

/** How long audio stayed away at one change. */
export interface Again {
  inMs: number;
  outMs: number;
}

const far = new BenchChild("network/farProcess", ["unshare", "--net"]);

serveBench({
  async open() {
    // The far process answers once it is in its namespace.
    await far.request("close");
    ip(`link set lo up
link add near0 type veth peer name far0 netns ${far.pid}
addr add ${NEAR_ADDRESSES[0]}/24 dev near0
link set near0 up`);
    const far0 = `link set lo up\naddr add ${FAR_ADDRESS}/24 dev far0\nlink set far0 up\n`;
    execFileSync("nsenter", ["--target", `${far.pid}`, "--net", "ip", "-batch", "-"], { input: far0 });
    await untilAddress(NEAR_ADDRESSES[0]);
  },
  async measure({ transport, changes }: { transport: Place["transport"]; changes: number }) {
    const secret = randomBytes(16).toString("hex");
    const place = await far.request<Place>("open", { transport, address: FAR_ADDRESS, secret });
    const talker = await Talker.join(place, "near");
    const again: Again[] = [];
    try {
      await bothHear(talker, nowMs());
      for (let change = 0; change < changes; change++) {
        await pause(PAUSE_MS);
        const began = nowMs();
        moveAddress();
        const heard = await bothHear(talker, nowMs() + UNDER_WAY_MS);
        again.push({ inMs: heard.inMs - began, outMs: heard.outMs - began });
      }
    } finally {
      await talker.leave();
      await far.request("close");
    }
    return again;
  },
  async close() {
    await far.request("stop");
    far.close();
    Engine.stop();
  },
});

async function bothHear(talker: Talker, ms: number): Promise<Again> {
  const [inMs, outMs] = await Promise.all([
    talker.arrivals.firstAfter(ms),
    far.request<number>("firstAfter", { ms }),
  ]);
  return { inMs, outMs };
}

let current = 0;

/** Takes the address away and adds the other one. */
function moveAddress(): void {
  const before = NEAR_ADDRESSES[current]!;
  current = 1 - current;
  ip(`addr del ${before}/24 dev near0\naddr add ${NEAR_ADDRESSES[current]}/24 dev near0`);
}

function ip(commands: string): void {
  execFileSync("ip", ["-batch", "-"], { input: `${commands}\n` });
}
