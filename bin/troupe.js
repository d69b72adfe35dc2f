#!/usr/bin/env node
// The `troupe` command. It runs what `npm run build` made.
import { existsSync } from "node:fs";

const main = new URL("../dist/src/cli/main.js", import.meta.url);
const [major] = process.versions.node.split(".").map(Number);

if (major < 22) {
  process.stderr.write(
    `troupe: Node 22 or newer is needed, this is ${process.versions.node}; in a clone use \`npm run troupe -- ...\`\n`,
  );
  process.exit(2);
} else if (!existsSync(main)) {
  process.stderr.write("troupe: not built yet; run `npm run setup`\n");
  process.exit(2);
} else {
  const { runCommandLine } = await import(main.href);
  await runCommandLine(process.argv.slice(2));
}
