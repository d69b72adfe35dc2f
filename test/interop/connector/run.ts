// Vonage's own server SDK and ours, called by the same caller. Run by scripts/interop-connector.sh.
import { AudioConnectorCaller } from "../../../src/stage/index.ts";
import { Checks, expect } from "../sora/Checks.ts";
import { PLAYOUT_ROWS, ROWS, type Row } from "./rows.ts";
import { type OrderedServer, startOfficial, startOurs } from "./startServer.ts";

/** What everything may take, in ms. */
const TOTAL_MS = 5 * 60_000;

/** What the official SDK does in place of what a row wants: why, and what the row then says. */
interface Deviation {
  why: string;
  says: RegExp;
}

const BUFFERS_ALONE: Deviation = { why: "it has buffers alone", says: /^it has no such thing$/ };

const DEVIATIONS: Record<string, Deviation> = {
  "the id of a call is its connection id": {
    why: "it looks for a header connectionId, which is not sent, and makes an id of its own",
    says: /^it is [0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/,
  },
  "a buffer shorter than a frame is sent when it is filled up": {
    why: "it drops such a buffer",
    says: /^the frame took longer than 1000 ms$/,
  },
  "frames of 10 ms have the rate of the call": {
    why: "they have 320 bytes at every rate",
    says: /^messages by size are \{"320":\d+\}$/,
  },
  "a tone of the caller in JSON is heard": {
    why: "audio in JSON is a message like any other",
    says: /^0 samples were heard$/,
  },
  "the active window is that of the rate": {
    why: "it counts bytes of 16 kHz at every rate: at 8 kHz the first burst has twice the messages, and more follow",
    says: /^the far side had (?:[2-9]\d\d|\d{4}) messages$/,
  },
  "no more is sent than the far side holds": {
    why: "it counts bytes of 16 kHz at every rate, and not what the far side has",
    says: /^\d+ messages were too many$/,
  },
  "a track plays for 60 s without a gap at 200 ppm": BUFFERS_ALONE,
  "a track plays for 60 s without a gap at -200 ppm": BUFFERS_ALONE,
};

const watchdog = setTimeout(() => {
  process.stdout.write(`FAIL everything: took longer than ${TOTAL_MS} ms\n0 passed, 1 failed\n`);
  process.exit(1);
}, TOTAL_MS);

const checks = new Checks({ checkMs: 90_000 });
const servers: OrderedServer[] = [];
try {
  servers.push(await startOfficial(process.env.CONNECTOR_PYTHON ?? "python3"));
  servers.push(await startOurs());
  for (const server of servers) for (const row of ROWS) await checkRow(server, row);
  const playouts = servers.flatMap((server) => PLAYOUT_ROWS.map((row) => checkRow(server, row)));
  await Promise.all(playouts);
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  clearTimeout(watchdog);
}
process.stdout.write(`${checks.passed} passed, ${checks.failed} failed\n`);
process.exit(checks.failed === 0 && checks.passed > 0 ? 0 : 1);

/** A known deviation has to show itself as it is known: anything else is a failure, and what is mended comes off the list. */
async function checkRow({ name, address }: OrderedServer, row: Row): Promise<void> {
  const run = () => row.run((options) => AudioConnectorCaller.dial({ url: address, ...options }));
  const deviation = name === "official" ? DEVIATIONS[row.name] : undefined;
  if (!deviation) return await checks.check(`${name}: ${row.name}`, run);
  await checks.check(`${name} deviates: ${row.name}`, async () => {
    const said = await run().then(
      () => "it does not deviate",
      (error: Error) => error.message,
    );
    expect(deviation.says.test(said), said);
    return `${deviation.why}: ${said}`;
  });
}
