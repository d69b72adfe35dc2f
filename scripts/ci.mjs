// The parts of CI in order: first what the README says, then what looks harder. A skipped part is a failed one.
import { runParts, runSetup } from "./parts.mjs";

const FUZZ_SECONDS = process.env.FUZZ_SECONDS ?? "60";

const failed = await runParts([
  // `npm test` sets the clone up by itself: it goes first, before anything else has touched the checkout.
  { name: "npm test", command: ["npm", "test"] },
  {
    name: "lint and format",
    before: () => runSetup("ci"),
    command: ["biome", "check", "--error-on-warnings", "."],
  },
  [
    { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
    { name: "import map", command: ["npm", "run", "--silent", "import-map"] },
  ],
  [
    { name: "dead exports", command: ["knip"] },
    { name: "API pages", command: ["typedoc", "--logLevel", "Error"] },
  ],
  { name: "C++ tests under sanitizers", command: ["bash", "scripts/test-native.sh", "address,undefined"] },
  [
    { name: "fuzz, native", command: ["bash", "scripts/fuzz.sh", FUZZ_SECONDS] },
    { name: "fuzz, SDP", command: ["npm", "run", "--silent", "fuzz:sdp", "--", FUZZ_SECONDS] },
    { name: "fuzz, readers", command: ["npm", "run", "--silent", "fuzz:readers", "--", FUZZ_SECONDS] },
  ],
  { name: "scripted call", command: ["npm", "start", "--silent", "--", "--once"] },
  { name: "interop, transport", command: ["npm", "run", "--silent", "interop:transport"] },
  { name: "interop, Sora", command: ["npm", "run", "--silent", "interop:sora"] },
  { name: "the page in Chromium", command: ["npm", "run", "--silent", "interop:page"] },
  { name: "interop, LiveKit", command: ["npm", "run", "--silent", "interop:livekit"] },
  { name: "interop, avatar", command: ["npm", "run", "--silent", "interop:avatar"] },
  {
    name: "interop, Audio Connector",
    command: ["npm", "run", "--silent", "interop:connector"],
  },
  { name: "speech score", command: ["npm", "run", "--silent", "test:score"] },
  { name: "leaks", command: ["npm", "run", "--silent", "leak"] },
  { name: "benches, short", command: ["node", "scripts/bench-smoke.mjs"] },
]);
process.exit(failed === 0 ? 0 : 1);
