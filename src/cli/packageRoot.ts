/** The folder of package.json as a URL that ends in a slash, from the source tree and from what is built. */
export function packageRoot(): URL {
  return new URL(import.meta.url.includes("/dist/src/cli/") ? "../../../" : "../../", import.meta.url);
}
