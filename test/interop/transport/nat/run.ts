// Paths through NAT and over a network that changes, in network namespaces. Started by ../run.ts inside a namespace, which
// becomes the internet between two hosts. Ends with `N passed, N failed`.

import type { TransportOptions } from "../../../../src/native/index.ts";
import { Checks, expect } from "../../sora/Checks.ts";
import { INSIDE, Namespaces, type NatKind, OUTSIDE, SERVER, type Side } from "./Namespaces.ts";
import type { PathSeen } from "./RemoteEnd.ts";

const STUN = { iceServers: [{ urls: [`stun:${SERVER}:3478`] }] };
const RELAY = {
  iceServers: [
    { urls: [`stun:${SERVER}:3478`] },
    { urls: [`turn:${SERVER}:3478`], username: "troupe", credential: "secret" },
  ],
};
const OTHER_ADDRESS = "10.1.0.3";

const checks = new Checks();
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
    await near.open("offerer", options.near);
    await far.open("answerer", options.far);
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
  const { near, far } = network.ends;
  const told: boolean[] = [];
  const paths = await talk(network, { near: "cone", far: "cone" }, { near: STUN, far: STUN }, async () => {
    const restarted = new Promise<void>((resolve, reject) => {
      near.onNetwork = (isPathLost) => {
        told.push(isPathLost);
        if (!isPathLost) return;
        const restart = async () => near.acceptAnswer(await far.answer(await near.offer(true)));
        restart().then(resolve, reject);
      };
    });
    network.changeAddress("near", INSIDE.near, OTHER_ADDRESS);
    await restarted;
    await near.connected();
    await Promise.all([near.hearsTone(), far.hearsTone()]);
  });
  network.changeAddress("near", OTHER_ADDRESS, INSIDE.near);
  expect(told[0] === true, `the change was told as ${told.join(", ")}`);
  return describe(paths);
}

function describe({ near, far }: Record<Side, PathSeen>): string {
  return `${near.localType} to ${near.remoteType} at one end, ${far.localType} to ${far.remoteType} at the other`;
}
