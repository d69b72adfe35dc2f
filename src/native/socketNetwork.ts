import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { isLoopback } from "../core/index.ts";
import { loadBinding } from "./load.ts";

const checks = new Set<(addresses: ReadonlySet<string>) => void>();

/** A socket is of no use any more, because the machine's network is another. */
export class NetworkChanged extends Error {
  override readonly name = "NetworkChanged";
}

/**
 * Calls `changed` once when the network of this machine changes so that a socket of TCP is of no use any more: the address
 * that it goes out from is gone while there is another one, or another one came while it was still connecting. What is
 * sent there would wait for minutes. Never elsewhere than on Linux.
 *
 * @returns ends it.
 */
export function onSocketNetworkChange(socket: Socket, changed: (error: NetworkChanged) => void): () => void {
  const before = machineAddresses();
  const check = (addresses: ReadonlySet<string>) => {
    const [address = "", scope] = socket.localAddress?.split("%") ?? [];
    if (isLoopback(address) || scope !== undefined || isLinkLocal(address)) return;
    const isGone = address !== "" && !addresses.has(address) && addresses.size > 0;
    const isBetter = socket.connecting && [...addresses].some((one) => !before.has(one));
    if (!isGone && !isBetter) return;
    stop();
    changed(
      new NetworkChanged(isGone ? `the address ${address} of this machine is gone` : "the network changed"),
    );
  };
  const stop = () => {
    if (checks.delete(check) && checks.size === 0) loadBinding().watchNetwork(null);
  };
  checks.add(check);
  if (checks.size === 1) {
    loadBinding().watchNetwork(() => {
      // Read once for all sockets: it takes a tenth of a millisecond.
      const addresses = machineAddresses();
      for (const one of [...checks]) one(addresses);
    });
  }
  return stop;
}

/** In fe80::/10: it is among no `machineAddresses`. */
function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

/** Without those of loopback, and those that reach no further than a link. */
function machineAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(all.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address));
}
