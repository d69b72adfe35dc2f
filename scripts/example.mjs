// npm run example <name> [arguments]: runs one of examples/ on the Node that the project brings.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [name = "", ...rest] = process.argv.slice(2);
const path = join(dirname(fileURLToPath(import.meta.url)), "../examples", `${name}.ts`);
if (!/^[a-zA-Z]+$/.test(name) || !existsSync(path)) {
  console.error(
    "example: expected one of bot, connector, echo, httpService, impairment, livekit, record, singleAudioClip, tone",
  );
  process.exit(2);
}
process.argv.splice(1, Number.POSITIVE_INFINITY, path, ...rest);
try {
  await import(path);
} catch (error) {
  // What Troupe or the system found wrong is said in its message; anything else is a fault in the example, to be seen whole.
  const message = error?.name === "TroupeError" ? error.message : systemMessage(error);
  console.error(message === undefined ? error : `${name}: ${message}`);
  process.exit(1);
}

/** Of what is not the example's fault: a file that is not there, a port that is taken, a server that says no or nothing. */
function systemMessage(error) {
  // Of several addresses that were tried each has an error.
  if (error instanceof AggregateError) return systemMessage(error.errors[0]);
  const below = error instanceof TypeError && error.cause;
  if (below) return `${error.message}: ${systemMessage(below) ?? below.message}`;
  return typeof error?.code === "string" ? error.message : undefined;
}
