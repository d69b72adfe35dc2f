// One session at a time in a network namespace, led over IPC; it ends with the process that leads it.
import { networkInterfaces } from "node:os";
import type { TransportOptions } from "../../../../src/native/index.ts";
import { Ours, until } from "../Ours.ts";
import type { Message, PathSeen } from "./RemoteEnd.ts";

let ours: Ours | undefined;

const handlers: Record<string, (argument: never) => unknown> = {
  ready: () => {},
  untilAddress: (address: string) =>
    until(`the host has ${address}`, () =>
      Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address)),
    ),
  open: ({ role, options }: { role: "offerer" | "answerer"; options: Partial<TransportOptions> }) => {
    ours = new Ours(role, options);
    ours.session.events.on("candidate", (candidate, mid) => tell({ candidate, mid }));
    ours.session.events.on("network", (isPathLost) => tell({ isPathLost }));
  },
  offer: (restarts: boolean) => {
    if (restarts) ours!.session.restartIce();
    return ours!.offer();
  },
  answer: (offer: string) => ours!.answer(offer),
  acceptAnswer: (answer: string) => ours!.acceptAnswer(answer),
  addCandidate: ([candidate, mid]: [string, string]) => ours!.session.addRemoteCandidate(candidate, mid),
  connected: () => until("it is connected", () => ours!.transportState === "connected"),
  hearsTone: () => ours!.hearsTone(),
  path: (): PathSeen => {
    const { local, remote } = ours!.path;
    return {
      localType: String(local.candidateType),
      localAddress: String(local.address),
      remoteType: String(remote.candidateType),
    };
  },
  closeSession: () => {
    ours?.close();
    ours = undefined;
  },
};

process.on("message", async ({ id, name, argument }: { id: number; name: string; argument: never }) => {
  try {
    tell({ id, result: await handlers[name]!(argument) });
  } catch (error) {
    tell({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
process.on("disconnect", () => process.exit(0));

function tell(message: Message): void {
  // Whoever led it may have ended already.
  if (process.connected) process.send?.(message);
}
