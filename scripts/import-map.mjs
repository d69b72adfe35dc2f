// Checks the import map, and that the check can fail: it must see modules, and it must find a planted violation.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const planted = join(root, "src/core/planted-violation.ts");

const clean = cruise();
const errors = clean.summary.violations.filter((violation) => violation.rule.severity === "error");
for (const { rule, from, to } of errors) process.stdout.write(`${rule.name}: ${from} -> ${to}\n`);
process.stdout.write(`${clean.summary.totalCruised} modules, ${errors.length} violations\n`);

writeFileSync(
  planted,
  'import { TypedEvents } from "../media/index.ts";\nexport const planted = TypedEvents;\n',
);
let found = false;
try {
  found = cruise().summary.violations.some((violation) => violation.from.endsWith("planted-violation.ts"));
} finally {
  rmSync(planted);
}
const results = [clean.summary.totalCruised > 50, errors.length === 0, found];
if (!results[0]) process.stdout.write("too few modules were seen: the check is blind\n");
if (!found) process.stdout.write("a planted violation was not found: the check is blind\n");
const failed = results.filter((result) => !result).length;
process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

function cruise() {
  const result = spawnSync(
    join(root, "node_modules/.bin/depcruise"),
    ["--config", ".dependency-cruiser.cjs", "--output-type", "json", "src", "agents", "examples"],
    { cwd: root, encoding: "utf8", maxBuffer: 256 << 20 },
  );
  if (!result.stdout) throw new Error(result.stderr);
  return JSON.parse(result.stdout);
}
