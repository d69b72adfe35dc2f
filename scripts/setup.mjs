// Makes a fresh clone ready: system packages, npm packages, the native build, the TypeScript build.
// Each step is skipped when it is done already; each failure is one sentence with the command that mends it.
// Runs on whatever Node the machine has, so nothing newer than Node 18 is used here.
//
// node scripts/setup.mjs [--for run|test|ci|release] [--quiet]
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { lockSetup } from "./setupLock.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const level = process.argv.includes("--for") ? process.argv[process.argv.indexOf("--for") + 1] : "run";

/** Debian and Ubuntu packages by what they are for. */
const SYSTEM_PACKAGES = {
  run: [
    "build-essential",
    "cmake",
    "pkg-config",
    "libnice-dev",
    "libssl-dev",
    "libsrtp2-dev",
    "libusrsctp-dev",
    "libopus-dev",
    "libspeexdsp-dev",
    "libsoxr-dev",
    "libwebrtc-audio-processing-dev",
    "libebur128-dev",
    "libogg-dev",
    "flite",
    "pocketsphinx",
    "pocketsphinx-en-us",
  ],
  test: ["doctest-dev", "openssl"],
  ci: ["clang", "libclang-rt-dev", "chromium", "python3-venv", "sox", "coturn", "iproute2", "nftables"],
  release: ["meson", "ninja-build", "dpkg-dev", "mmdebstrap", "libffi-dev", "libpcre2-dev"],
};

const LEVELS = {
  run: ["run"],
  test: ["run", "test"],
  ci: ["run", "test", "ci", "release"],
  release: ["run", "release"],
};

const steps = [
  ["system packages", installSystemPackages],
  ["npm packages", installNpmPackages],
  ["native build", buildNative],
  ["TypeScript build", buildTypeScript],
];

lockSetup(join(root, "build", "setup.lock"), say);

for (const [name, step] of steps) {
  const began = Date.now();
  const outcome = step();
  if (outcome.failure) {
    process.stderr.write(`\nsetup: ${name} failed: ${outcome.failure}\n`);
    process.exit(1);
  }
  if (!outcome.skipped) say(`${name}: done in ${((Date.now() - began) / 1000).toFixed(1)} s`);
}

function installSystemPackages() {
  const wanted = LEVELS[level].flatMap((name) => SYSTEM_PACKAGES[name]);
  if (spawnSync("dpkg-query", ["--version"]).status !== 0) {
    const missing = ["cmake", "pkg-config", "flite"].filter((tool) => spawnSync(tool, ["--version"]).error);
    if (missing.length === 0) return { skipped: true };
    return {
      failure: `this is not Debian or Ubuntu, so install by hand what these packages hold: ${wanted.join(" ")}`,
    };
  }
  const missing = wanted.filter((name) => !isInstalled(name));
  if (missing.length === 0) return { skipped: true };
  say(`system packages: installing ${missing.join(" ")}`);
  const sudo = process.getuid() === 0 ? [] : ["sudo"];
  if (sudo.length > 0 && spawnSync("sudo", ["--version"]).error) {
    return { failure: `not root and no sudo; run as root: apt-get install -y ${missing.join(" ")}` };
  }
  const environment = ["env", "DEBIAN_FRONTEND=noninteractive"];
  run([...sudo, ...environment, "apt-get", "update", "-qq"], "");
  return run(
    [...sudo, ...environment, "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...missing],
    `run: ${[...sudo, "apt-get update &&", ...sudo, "apt-get install -y", ...missing].join(" ")}`,
  );
}

function isInstalled(name) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the format is dpkg's own.
  const query = spawnSync("dpkg-query", ["-W", "-f=${Status}", name], { encoding: "utf8" });
  return query.stdout === "install ok installed";
}

function installNpmPackages() {
  const stamp = join(root, "node_modules", ".troupe-setup");
  const digest = digestOf(["package.json", "package-lock.json"]);
  if (isStamped(stamp, digest)) return { skipped: true };
  say("npm packages: installing");
  // npm takes an install that was cut off for a whole one.
  const begun = join(root, "node_modules", ".troupe-installing");
  if (existsSync(begun)) rmSync(join(root, "node_modules"), { recursive: true });
  mkdirSync(join(root, "node_modules"), { recursive: true });
  writeFileSync(begun, "");
  const outcome = run(
    ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"],
    "run: npm install --no-save",
  );
  if (outcome.failure) return outcome;
  rmSync(begun, { force: true });
  writeFileSync(stamp, digest);
  return outcome;
}

function buildNative() {
  // scripts/release/ builds the addon that is published, of libraries of its own.
  if (level === "release") return { skipped: true };
  const stamp = join(root, "build", ".troupe-setup");
  const digest = digestOf(["CMakeLists.txt", "src/native", "scripts/build-native.sh"], /\.(cpp|hpp|txt|sh)$/);
  if (isStamped(stamp, digest) && existsSync(join(root, "build/Release/troupe.node")))
    return { skipped: true };
  say("native build: compiling the engine and the transport (two to five minutes)");
  const outcome = run(["bash", "scripts/build-native.sh"], "run: npm run build:native");
  if (!outcome.failure) {
    mkdirSync(dirname(stamp), { recursive: true });
    writeFileSync(stamp, digest);
  }
  return outcome;
}

function buildTypeScript() {
  const stamp = join(root, "dist", ".troupe-setup");
  const digest = digestOf(
    ["src", "agents", "examples", "tsconfig.json", "tsconfig.build.json"],
    /\.(ts|json)$/,
  );
  if (isStamped(stamp, digest)) return { skipped: true };
  const node = join(root, "node_modules/node/bin/node");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const outcome = run([node, tsc, "-p", "tsconfig.build.json"], "run: npm run build");
  if (!outcome.failure) writeFileSync(stamp, digest);
  return outcome;
}

/** Runs a command; its output is shown only when it fails (or with TROUPE_LOG=debug). */
function run(command, remedy) {
  const verbose = process.env.TROUPE_LOG === "debug";
  const result = spawnSync(command[0], command.slice(1), {
    cwd: root,
    encoding: "utf8",
    stdio: verbose ? "inherit" : ["ignore", "pipe", "pipe"],
    maxBuffer: 64 << 20,
  });
  if (result.status === 0) return {};
  if (!verbose) process.stderr.write(`${`${result.stdout ?? ""}${result.stderr ?? ""}`.slice(-4000)}\n`);
  const why = result.error
    ? result.error.message
    : `\`${command.join(" ").slice(0, 120)}\` ended with ${result.status}`;
  return { failure: `${why}; ${remedy}` };
}

function digestOf(paths, pattern = /./) {
  const hash = createHash("sha256").update(process.arch);
  for (const path of paths)
    for (const file of filesUnder(join(root, path), pattern)) hash.update(readFileSync(file));
  return hash.digest("hex");
}

function filesUnder(path, pattern) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name), pattern))
    .filter((file) => pattern.test(file));
}

function isStamped(stamp, digest) {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
}

function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}
