import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
// npm compresses all of it to say what it would pack.
const PACK_TIMEOUT_MS = 180_000;

interface Manifest {
  name: string;
  version: string;
  exports: Record<string, string | Record<string, string>>;
  bin: Record<string, string>;
  optionalDependencies: Record<string, string>;
  os: string[];
  cpu: string[];
}

let manifest: Manifest;
let files: Set<string>;
let manifests: {
  PLATFORMS: Record<string, unknown>;
  mainManifest(manifest: Manifest, platforms: string[]): Manifest;
  platformManifest(manifest: Manifest, platform: string): Manifest;
};

beforeAll(async () => {
  manifest = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
  manifests = await import(new URL("scripts/release/manifests.mjs", root).href);
  const options = { cwd: fileURLToPath(root), maxBuffer: 64 << 20 };
  const commandArguments = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = await promisify(execFile)("npm", commandArguments, options);
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  files = new Set(packed.files.map(({ path }) => path));
}, PACK_TIMEOUT_MS);

describe("what is published", () => {
  it("holds every file that package.json names", () => {
    const targets = [...Object.values(manifest.exports), manifest.bin].flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    );
    const named = targets.map((path) => path.replace("./", ""));
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !files.has(path))).toEqual([]);
  });

  it("holds what was built of each source", () => {
    const sources = [...files].filter((path) => /^(src|agents|examples)\/.*\.ts$/.test(path));
    expect(sources.length).toBeGreaterThan(100);
    const built = sources.map((path) => `dist/${path.replace(/\.ts$/, ".js")}`);
    expect(built.filter((path) => !files.has(path))).toEqual([]);
  });

  it("holds neither tests nor keys nor what lies about in a clone", () => {
    const expected =
      /^(bin|dist|src|agents|examples|scripts|CMakeLists\.txt|package\.json|README\.md|LICENSE|NOTICE|CHANGELOG\.md)(\/|$)/;
    const unwanted =
      /(\.test\.\w+|Test\.cpp|Fuzz\.cpp|\.node|\.tgz|\.pem|\.key|\.log)$|(^|\/)(\.|node_modules\/|licenseKey|secret)/;
    expect([...files].filter((path) => !expected.test(path) || unwanted.test(path))).toEqual([]);
  });

  it("asks for the platforms' packages in its own version, each for its platform", () => {
    const platforms = Object.keys(manifests.PLATFORMS);
    const published = manifests.mainManifest(manifest, platforms);
    expect(published).not.toHaveProperty("devDependencies");
    for (const platform of platforms) {
      const addon = manifests.platformManifest(manifest, platform);
      expect(addon.name).toBe(`troupe-${addon.os}-${addon.cpu}`);
      expect(addon.version).toBe(manifest.version);
      expect(published.optionalDependencies[addon.name]).toBe(addon.version);
    }
    // A clone builds its own.
    expect(Object.keys(manifest.optionalDependencies)).not.toContain("troupe-linux-x64");
  });
});
