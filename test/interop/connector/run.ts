// Vonage's own server SDK and ours, called by the same caller. Run by scripts/interop-connector.sh.
import { AudioConnectorCaller } from "../../../src/stage/index.ts";
import { Checks } from "../sora/Checks.ts";
import { PLAYOUT_ROWS, ROWS, type Row } from "./rows.ts";
import { type OrderedServer, startOfficial, startOurs } from "./startServer.ts";

/** What everything may take, in ms. */
const TOTAL_MS = 5 * 60_000;

/** Rows that the official SDK is known to fail, and why. */
const DEVIATIONS: Record<string, string> = {
  "the id of a call is its connection id": "it looks for a header connectionId, which is not sent",
  "a buffer shorter than a frame is sent when it is filled up": "it drops such a buffer",
  "frames of 10 ms have the rate of the call": "they have 320 bytes at every rate",
  "a tone of the caller in JSON is heard": "audio in JSON is a message like any other",
  "the active window is that of the rate": "it counts bytes of 16 kHz at every rate",
  "a track plays for 60 s without a gap at 200 ppm": "it has buffers alone",
  "a track plays for 60 s without a gap at -200 ppm": "it has buffers alone",
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

/** A known deviation has to show itself: what the official SDK has mended is to be taken off the list. */
async function checkRow({ name, address }: OrderedServer, row: Row): Promise<void> {
  const run = () => row.run((options) => AudioConnectorCaller.dial({ url: address, ...options }));
  const deviation = name === "official" ? DEVIATIONS[row.name] : undefined;
  if (!deviation) return await checks.check(`${name}: ${row.name}`, run);
  await checks.check(`${name} deviates: ${row.name}`, async () => {
    const outcome = await run().then(
      () => "it does not",
      () => "",
    );
    if (outcome) throw new Error(outcome);
    return deviation;
  });
}
