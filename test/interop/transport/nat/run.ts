// Paths through NAT and over a network that changes, in network namespaces. Started by ../run.ts inside a namespace, which
// becomes the internet between two hosts. Ends with `N passed, N failed`.

import type { TransportOptions } from "../../../../src/native/index.ts";
import { Checks, expect } from "../../sora/Checks.ts";
import { until } from "../Ours.ts";
import { describeKernel } from "./kernel.ts";
import { INSIDE, INSIDE6, Namespaces, type NatKind, OUTSIDE, SERVER, type Side } from "./Namespaces.ts";
import type { PathSeen } from "./RemoteEnd.ts";

const STUN = { iceServers: [{ urls: [`stun:${SERVER}:3478`] }] };
const RELAY = {
  iceServers: [
    { urls: [`stun:${SERVER}:3478`] },
    { urls: [`turn:${SERVER}:3478`], username: "troupe", credential: "secret" },
  ],
};
const OTHER_ADDRESS = "10.1.0.3";
const OTHER_ADDRESS6 = "fd00:1::3";
/** NAT is before IPv4 alone: over IPv6 the hosts would find each other at once. */
const OVER_IPV4 = { filter: { networks: ["10.0.0.0/8"] } };
const OVER_IPV6 = { filter: { networks: ["fd00::/16"] } };

const checks = new Checks();
await checks.check("the kernel has what these rows need", async () => describeKernel());
await checks.group("NAT and change of network", async () => {
  const network = await Namespaces.make();
  try {
    await checks.check("cone NAT on both sides: directly, by the addresses that STUN tells", () =>
      direct(network, { near: "cone", far: "cone" }, STUN),
    );
    await checks.check("cone NAT on one side, none before the other: directly", () =>
      direct(network, { near: "cone", far: "oneToOne" }, STUN, {
        externalAddresses: { [INSIDE.far]: OUTSIDE.far },
      }),
    );
    await checks.check("symmetric NAT, and one-to-one NAT whose address is an option: directly", () =>
      direct(
        network,
        { near: "symmetric", far: "oneToOne" },
        {},
        {
          externalAddresses: { [INSIDE.far]: OUTSIDE.far },
        },
      ),
    );
    for (const near of ["symmetric", "cone"] as const) {
      await checks.check(`${near} NAT against symmetric NAT: by the relay`, () =>
        relayed(network, { near, far: "symmetric" }),
      );
    }
    await checks.check("an address is taken away and another added: the path is found anew", () =>
      changed(network),
    );
    await checks.check(
      "IPv6: an address is taken away and another added, usable once it is known to be unique",
      () => changed6(network),
    );
    await checks.check(
      "IPv6: a temporary address that is deprecated is no loss, and no new socket is on it",
      () => deprecated6(network),
    );
  } finally {
    await network.close();
  }
});
process.stdout.write(`${checks.passed} passed, ${checks.failed} failed\n`);
process.exit(checks.failed === 0 ? 0 : 1);

async function direct(
  network: Namespaces,
  kinds: Record<Side, NatKind>,
  options: Partial<TransportOptions>,
  farOptions: Partial<TransportOptions> = options,
): Promise<string> {
  const paths = await talk(network, kinds, { near: options, far: farOptions });
  expect(!describe(paths).includes("relay"), `the path is ${describe(paths)}`);
  return describe(paths);
}

async function relayed(network: Namespaces, kinds: Record<Side, NatKind>): Promise<string> {
  const paths = await talk(network, kinds, { near: RELAY, far: RELAY });
  expect(describe(paths).includes("relay"), `the path is ${describe(paths)}`);
  return describe(paths);
}

/** Each hears the other's tone; what the path is then. */
async function talk(
  network: Namespaces,
  kinds: Record<Side, NatKind>,
  options: Record<Side, Partial<TransportOptions>>,
  then: () => Promise<void> = async () => {},
): Promise<Record<Side, PathSeen>> {
  const { near, far } = network.ends;
  for (const side of ["near", "far"] as const) network.setNat(side, kinds[side]);
  near.onCandidate = (candidate, mid) => void far.addCandidate(candidate, mid).catch(() => {});
  far.onCandidate = (candidate, mid) => void near.addCandidate(candidate, mid).catch(() => {});
  try {
    await near.open("offerer", { ...OVER_IPV4, ...options.near });
    await far.open("answerer", { ...OVER_IPV4, ...options.far });
    await near.acceptAnswer(await far.answer(await near.offer(false)));
    await Promise.all([near.connected(), far.connected()]);
    await Promise.all([near.hearsTone(), far.hearsTone()]);
    await then();
    return { near: await near.path(), far: await far.path() };
  } finally {
    await Promise.all([near.closeSession(), far.closeSession()]);
  }
}

async function changed(network: Namespaces): Promise<string> {
  const paths = await restarted(network, STUN, () => {
    network.changeAddress("near", INSIDE.near, OTHER_ADDRESS);
  });
  network.changeAddress("near", OTHER_ADDRESS, INSIDE.near);
  return describe(paths);
}

async function changed6(network: Namespaces): Promise<string> {
  const paths = await restarted(network, OVER_IPV6, () => {
    network.changeAddress6("near", INSIDE6.near, OTHER_ADDRESS6, "dad");
  });
  const { localAddress } = paths.near;
  network.changeAddress6("near", OTHER_ADDRESS6, INSIDE6.near, "nodad");
  expect(localAddress === OTHER_ADDRESS6, `the path is by ${localAddress}`);
  return localAddress;
}

/** Both talk, the near host's network changes, and it restarts ICE when it is told that its path is lost. */
async function restarted(
  network: Namespaces,
  options: Partial<TransportOptions>,
  change: () => void,
): Promise<Record<Side, PathSeen>> {
  const { near, far } = network.ends;
  return talk(network, { near: "cone", far: "cone" }, { near: options, far: options }, async () => {
    const restarted = new Promise<void>((resolve, reject) => {
      near.onNetwork = (isPathLost) => {
        if (!isPathLost) return;
        near.onNetwork = () => {};
        restart(network).then(resolve, reject);
      };
    });
    change();
    await restarted;
    await near.connected();
    await Promise.all([near.hearsTone(), far.hearsTone()]);
  });
}

async function restart({ ends: { near, far } }: Namespaces): Promise<void> {
  await near.acceptAnswer(await far.answer(await near.offer(true)));
}

async function deprecated6(network: Namespaces): Promise<string> {
  const { near, far } = network.ends;
  const told: boolean[] = [];
  let before = "";
  const paths = await talk(
    network,
    { near: "cone", far: "cone" },
    { near: OVER_IPV6, far: OVER_IPV6 },
    async () => {
      before = (await near.path()).localAddress;
      const changed = new Promise<void>((resolve) => {
        near.onNetwork = (isPathLost) => {
          told.push(isPathLost);
          resolve();
        };
      });
      network.deprecateAddress6("near", before, OTHER_ADDRESS6);
      await changed;
      await Promise.all([near.hearsTone(), far.hearsTone()]);
      expect((await near.path()).localAddress === before, "the path moved by itself");
      await restart(network);
      await until("the path is by the newer address", async () => {
        return (await near.path()).localAddress === OTHER_ADDRESS6;
      });
      await Promise.all([near.hearsTone(), far.hearsTone()]);
    },
  );
  expect(!told.includes(true), "the path counted as lost");
  return `${before}, and after a restart ${paths.near.localAddress}`;
}

function describe({ near, far }: Record<Side, PathSeen>): string {
  return `${near.localType} to ${near.remoteType} at one end, ${far.localType} to ${far.remoteType} at the other`;
}
