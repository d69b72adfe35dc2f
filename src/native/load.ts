import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { TroupeError } from "../core/index.ts";
import type { NativeBinding } from "./binding.ts";

let binding: NativeBinding | undefined;

/**
 * Loads the addon once for this environment: what was built in this folder, else the package of this platform
 * (`troupe-linux-x64` and so on), which comes with `troupe` as an optional dependency.
 *
 * @throws TroupeError NOT_INSTALLED when there is neither, with what to do about it.
 */
export function loadBinding(): NativeBinding {
  binding ??= requireAddon();
  return binding;
}

function requireAddon(): NativeBinding {
  const require = createRequire(import.meta.url);
  const built = `${findPackageRoot()}build/Release/troupe.node`;
  const packaged = `troupe-${process.platform}-${process.arch}`;
  try {
    return require(existsSync(built) ? built : packaged) as NativeBinding;
  } catch (error) {
    throw new TroupeError(
      "NOT_INSTALLED",
      `The native part of Troupe is not there: run \`npm run setup\` in a clone, or install the package ${packaged}`,
      { cause: error },
    );
  }
}

/** The folder of package.json: two levels up in the source tree, three in what is built. */
function findPackageRoot(): string {
  const levels = import.meta.url.includes("/dist/src/native/") ? "../../../" : "../../";
  return fileURLToPath(new URL(levels, import.meta.url));
}
