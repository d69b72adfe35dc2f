// Packs what is published: the package `troupe` and one package for each platform whose addon was built.
//
//   node scripts/release/pack.mjs        after scripts/release/build-addon.sh; the archives go to build/release/packages
//
// Only in what is packed here does `troupe` name the platform packages as optional dependencies: a clone builds its
// addon from the system's libraries and asks no registry for one.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { mainManifest, PLATFORMS, platformManifest } from "./manifests.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const release = join(root, "build/release");
const packages = join(release, "packages");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const built = Object.keys(PLATFORMS).filter((platform) => existsSync(join(release, platform, "troupe.node")));
if (built.length === 0) {
  console.error("pack: no addon is built; run scripts/release/build-addon.sh");
  process.exit(1);
}
rmSync(packages, { recursive: true, force: true });
mkdirSync(packages, { recursive: true });
for (const platform of built) packPlatform(platform);
packMain(built);

function packPlatform(platform) {
  const folder = join(packages, `troupe-${platform}`);
  mkdirSync(join(folder, "licences"), { recursive: true });
  cpSync(join(release, platform, "troupe.node"), join(folder, "troupe.node"));
  for (const file of ["LICENSE", "NOTICE"]) cpSync(join(root, file), join(folder, file));
  // What is linked as a shared library comes along with its licence (build-macos.sh); the rest is linked in.
  for (const part of ["lib", "licences"]) {
    const own = join(release, platform, part);
    if (existsSync(own)) cpSync(own, join(folder, part), { recursive: true });
  }
  if (platform.startsWith("linux")) copyLicences(join(folder, "licences"));
  writeManifest(folder, platformManifest(manifest, platform));
  pack(folder);
}

/** The licence of each library that is linked in, as its source package has it. */
function copyLicences(folder) {
  const sources = join(release, "sources");
  for (const library of readdirSync(sources, { withFileTypes: true })) {
    if (!library.isDirectory() || library.name.startsWith(".")) continue;
    const files = readdirSync(join(sources, library.name));
    const texts = files.filter((name) => /^(COPYING|LICEN[CS]E|COPYRIGHT)/i.test(name));
    if (texts.length === 0) throw new Error(`no licence is found in ${join(sources, library.name)}`);
    for (const name of texts) {
      cpSync(join(sources, library.name, name), join(folder, `${library.name}-${name}`), {
        recursive: true,
        dereference: true,
      });
    }
  }
  for (const name of ["libssl-dev", "libffi-dev", "libpcre2-dev", "libwebrtc-audio-processing-dev"]) {
    cpSync(`/usr/share/doc/${name}/copyright`, join(folder, `${name}-copyright`), { dereference: true });
  }
}

function packMain(platforms) {
  const folder = join(packages, "troupe");
  const [{ files }] = JSON.parse(npm(["pack", "--dry-run", "--json"], root));
  for (const { path } of files) cpSync(join(root, path), join(folder, path));
  writeManifest(folder, mainManifest(manifest, platforms));
  pack(folder);
}

function writeManifest(folder, content) {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, undefined, 2)}\n`);
}

function pack(folder) {
  const [{ filename, size }] = JSON.parse(npm(["pack", "--json", "--pack-destination", packages], folder));
  rmSync(folder, { recursive: true });
  console.log(`pack: ${join("build/release/packages", filename)}, ${size} bytes`);
}

function npm(commandArguments, cwd) {
  return execFileSync("npm", commandArguments, { cwd, encoding: "utf8", maxBuffer: 64 << 20 });
}
