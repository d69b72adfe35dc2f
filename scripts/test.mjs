// `npm test`: the set-up, then every test that needs neither Go nor Python nor a browser. Ends with a summary.
import { runParts, runSetup } from "./parts.mjs";

runSetup("test");
const failed = await runParts([
  { name: "C++ tests", command: ["bash", "scripts/test-native.sh"] },
  { name: "TypeScript tests", command: ["node_modules/.bin/vitest", "run"] },
]);
process.exit(failed === 0 ? 0 : 1);
