// node_modules/.bin/node agents/reception/main.ts --signaling-url ws://127.0.0.1:5000/signaling --channel reception
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startReception } from "./index.ts";

const options = {
  "signaling-url": { type: "string", default: "ws://127.0.0.1:5000/signaling" },
  channel: { type: "string", default: "reception" },
  "access-token": { type: "string" },
  "feed-url": { type: "string" },
} as const;

try {
  const { values } = parseArgs({ options });
  const reception = await startReception({
    signalingUrl: values["signaling-url"],
    channelId: values.channel,
    feedUrl: values["feed-url"],
    metadata: values["access-token"] === undefined ? undefined : { access_token: values["access-token"] },
  });
  reception.connection.on("disconnected", (code, reason) => console.log(`left: ${code} ${reason}`));
  console.log(`The reception is in "${values.channel}"; Ctrl-C ends it.`);
  const left = reception.connection.disconnected();
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM"), left]);
  await reception.close();
} catch (error) {
  console.error(`reception: ${error instanceof Error ? error.message : error}`);
  process.exitCode = isUsageError(error) ? 2 : 1;
}

function isUsageError(error: unknown): boolean {
  const code = String((error as { code?: unknown }).code);
  return code === "INVALID_OPTION" || code.startsWith("ERR_PARSE_ARGS");
}
