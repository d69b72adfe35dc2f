import type { NetworkLink } from "troupe/testing";

/** Passes nothing through the link, or all again. */
export function impairAll(link: NetworkLink, outage: boolean): Promise<void> {
  const loss = outage ? 1 : 0;
  return link.impair({ toClient: { loss }, toServer: { loss } });
}
