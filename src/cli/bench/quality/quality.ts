import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { NetworkLink, SignallingProxy, soraThrough } from "../../../testing/index.ts";
import { Resources } from "../../Resources.ts";
import { BenchChild } from "../childProcess.ts";
import { rounded } from "../figures.ts";
import { environment } from "../party.ts";
import { onTheClock, readHeard } from "./heard.ts";
import { type Heard, judge, type ReceiverFigures, withScores } from "./judge.ts";
import { type Listener, PythonListener, TroupeListener } from "./Listener.ts";
import { EXPECTED_LOSS_PERCENT } from "./opus.ts";
import { findPython } from "./python.ts";
import { type HourFigures, measureHours } from "./receiver.ts";
import { writeReport } from "./report.ts";
import { chosenRows, PATH_DELAY_MS, type QualityRow, SEED } from "./rows.ts";
import { makeSpeech } from "./speech.ts";

const RECEIVERS = ["troupe", "libwebrtc"] as const;
type Receiver = (typeof RECEIVERS)[number];

export interface QualityRowFigures extends Record<Receiver, ReceiverFigures> {
  name: string;
  /** By how much the machine itself made a packet late at most, in ms: what no receiver is to blame for. */
  machineLateMs: number;
  /** The machine was so late that the row says nothing of the receivers: to be run again, alone. */
  isVoid: boolean;
}

export interface QualityFigures {
  seconds: number;
  roundTripMs: number;
  expectedLossPercent: number;
  rows: QualityRowFigures[];
  /** Our receiver alone, on simulated time: an hour from a sender whose clock is fast or slow. */
  hours: HourFigures[];
  environment: Record<string, string | number>;
}

/** Spoken before anything counts: receivers set themselves to the network. */
const WARM_UP_SECONDS = 5;
/** Half a packet: later than this, the machine has a jitter of its own that the row does not speak of. */
const MACHINE_LATE_MS = 10;
/** What is still on its way, in buffers and in the air, when the last has been sent. */
const TAIL_MS = 1_500;

/**
 * Speech through an impaired network to two receivers, ours and libwebrtc's: what each makes of the very same packets.
 *
 * @throws TroupeError INVALID_OPTION for a row that is none, NOT_INSTALLED without Python's Sora SDK.
 */
export async function benchQuality(
  options: { seconds: number; rows?: string[]; report?: string },
  signal: AbortSignal,
): Promise<QualityFigures> {
  const rows = chosenRows(options.rows);
  const python = await findPython(signal);
  const folder = await mkdtemp(join(tmpdir(), "troupe-quality-"));
  const stage = new BenchChild("stageProcess");
  try {
    const { signalingUrl } = await stage.request<{ signalingUrl: string }>("start");
    const figures: QualityRowFigures[] = [];
    for (const row of rows) {
      signal.throwIfAborted();
      const run = { row, signalingUrl, folder, python, seconds: options.seconds, signal };
      figures.push(await measureRow(run));
      if (process.stderr.isTTY || process.env.TROUPE_LOG)
        process.stderr.write(`${JSON.stringify(figures.at(-1))}\n`);
    }
    const all: QualityFigures = {
      seconds: options.seconds,
      roundTripMs: 2 * PATH_DELAY_MS,
      expectedLossPercent: EXPECTED_LOSS_PERCENT,
      rows: figures,
      // The hour goes with the whole table.
      hours: options.rows ? [] : await measureHours(python, signal),
      environment: environment(),
    };
    if (options.report) await writeFile(options.report, writeReport(all));
    return all;
  } finally {
    await stage.request("stop").catch(() => {});
    stage.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface RowRun {
  row: QualityRow;
  signalingUrl: string;
  folder: string;
  python: string;
  seconds: number;
  signal: AbortSignal;
}

/** One row, with a speaker and receivers of its own: what a receiver learnt in one row is no help in the next. */
async function measureRow(run: RowRun): Promise<QualityRowFigures> {
  const { row, python, seconds, signal } = run;
  const speech = await makeSpeech(WARM_UP_SECONDS + seconds);
  const heard = await hearRow(run);
  const scored = heard.map((it) =>
    judge(speech, it, { warmUpSeconds: WARM_UP_SECONDS, clockDriftPpm: row.impairment.clockDriftPpm }),
  );
  const [troupe, libwebrtc] = await withScores(scored, { python, signal });
  const machineLateMs = rounded(Math.max(...heard.map((it) => it.machineLateMs)), 1);
  const isVoid = machineLateMs > MACHINE_LATE_MS;
  return { name: row.name, machineLateMs, isVoid, troupe: troupe!, libwebrtc: libwebrtc! };
}

/** Lets both receivers hear the speech over a network each, which treats the same packets alike. */
async function hearRow({ row, signalingUrl, folder, python, seconds, signal }: RowRun): Promise<Heard[]> {
  const channelId = `quality-${row.name.replaceAll(/\W+/g, "-")}`;
  const steady = { toClient: { delayMs: PATH_DELAY_MS }, toServer: { delayMs: PATH_DELAY_MS } };
  const impaired = {
    ...steady,
    toClient: { ...row.impairment, delayMs: PATH_DELAY_MS, seed: SEED, spareHandshakes: true },
  };
  const speaker = new BenchChild("quality/speakerProcess");
  const listeners: Listener[] = [new TroupeListener(), new PythonListener(python)];
  const kill = () => speaker.close();
  signal.addEventListener("abort", kill, { once: true });
  await using links = new Resources();
  try {
    await speaker.request("join", { signalingUrl, channelId });
    const networks: NetworkLink[] = [];
    for (const listener of listeners) {
      const network = links.use(await NetworkLink.open(steady));
      const proxy = links.use(await SignallingProxy.before(signalingUrl, soraThrough(network)));
      await listener.join(proxy.through(signalingUrl), channelId);
      networks.push(network);
    }
    await Promise.all(networks.map((network) => network.impair(impaired)));
    const speaking = speaker.request(
      "speak",
      { seconds: WARM_UP_SECONDS + seconds },
      (WARM_UP_SECONDS + seconds) * 1000,
    );
    // It may fail while something else is waited for.
    speaking.catch(() => {});
    const statistics = () => Promise.all(listeners.map((listener) => listener.stats()));
    await pause(WARM_UP_SECONDS * 1000, undefined, { signal });
    const before = await statistics();
    await pause((seconds - 1) * 1000, undefined, { signal });
    const after = await statistics();
    await speaking;
    await pause(TAIL_MS, undefined, { signal });
    return await Promise.all(
      listeners.map(async (listener, index) => {
        const path = join(folder, `${channelId}-${RECEIVERS[index]}`);
        await listener.take(path);
        const { toClient, firstRtpMs, latenessMs } = await networks[index]!.stats();
        return {
          audio: onTheClock(await readHeard(path)),
          firstDueMs: firstRtpMs.toClient + PATH_DELAY_MS,
          before: before[index]!,
          after: after[index]!,
          packetsLostOnLink: toClient.rtpDropped,
          machineLateMs: latenessMs.maximum,
        };
      }),
    );
  } finally {
    signal.removeEventListener("abort", kill);
    await Promise.all(listeners.map((listener) => listener.close()));
    await speaker.request("stop").catch(() => {});
    speaker.close();
  }
}
