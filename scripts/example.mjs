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
  // What Troupe found wrong is said in its message; anything else is a fault in the example, to be seen whole.
  console.error(error?.name === "TroupeError" ? `${name}: ${error.message}` : error);
  process.exit(1);
}
