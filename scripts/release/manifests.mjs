// The package.json of each package that is published.

/** What npm compares with the machine before it installs a platform's package, by process.platform and process.arch. */
export const PLATFORMS = {
  "linux-x64": { os: ["linux"], cpu: ["x64"], libc: ["glibc"] },
  "linux-arm64": { os: ["linux"], cpu: ["arm64"], libc: ["glibc"] },
  "darwin-arm64": { os: ["darwin"], cpu: ["arm64"] },
  "darwin-x64": { os: ["darwin"], cpu: ["x64"] },
};

/** Of the package with a platform's addon, from that of the clone. */
export function platformManifest(manifest, platform) {
  return {
    name: `troupe-${platform}`,
    version: manifest.version,
    description: `The native part of troupe for ${platform}`,
    license: manifest.license,
    main: "troupe.node",
    ...PLATFORMS[platform],
    files: ["troupe.node", "lib", "licences", "NOTICE"],
  };
}

/** Of `troupe` itself, from that of the clone: what is for its development is left out, the platforms come in. */
export function mainManifest(manifest, platforms) {
  const { scripts: _scripts, devDependencies: _devDependencies, ...published } = manifest;
  const addons = platforms.map((platform) => [`troupe-${platform}`, manifest.version]);
  return {
    ...published,
    optionalDependencies: { ...published.optionalDependencies, ...Object.fromEntries(addons) },
  };
}
