import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { TroupeError } from "../core/index.ts";
import type { NativeBinding } from "./binding.ts";

let binding: NativeBinding | undefined;

/**
 * Loads the addon once for this environment.
 *
 * @throws TroupeError NOT_INSTALLED when it was not built, with the command that builds it.
 */
export function loadBinding(): NativeBinding {
  binding ??= requireAddon();
  return binding;
}

function requireAddon(): NativeBinding {
  const require = createRequire(import.meta.url);
  const root = findPackageRoot();
  try {
    return require(`${root}build/Release/troupe.node`) as NativeBinding;
  } catch (error) {
    throw new TroupeError("NOT_INSTALLED", "The native part of Troupe is not built: run `npm run setup`", {
      cause: error,
    });
  }
}

/** The folder of package.json: two levels up in the source tree, three in what is built. */
function findPackageRoot(): string {
  const levels = import.meta.url.includes("/dist/src/native/") ? "../../../" : "../../";
  return fileURLToPath(new URL(levels, import.meta.url));
}
