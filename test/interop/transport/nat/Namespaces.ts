import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../Ours.ts";
import { RemoteEnd } from "./RemoteEnd.ts";

/** Where the STUN and TURN server is, and the addresses under which the two NATs are seen from there. */
export const SERVER = "198.51.100.1";
export const OUTSIDE = { near: "198.51.100.2", far: "198.51.100.3" } as const;
/** The hosts behind the NATs, and the NATs as these see them. */
export const INSIDE = { near: "10.1.0.2", far: "10.2.0.2" } as const;
/** Without NAT: the same hosts over IPv6. */
export const INSIDE6 = { near: "fd00:1::2", far: "fd00:2::2" } as const;
const NETWORK6 = { near: "fd00:1::/64", far: "fd00:2::/64" } as const;
const GATEWAY6 = { near: "fd00:1::1", far: "fd00:2::1" } as const;
const OUTSIDE6 = { near: "fd00:ff::2", far: "fd00:ff::3" } as const;
const GATEWAY = { near: "10.1.0.1", far: "10.2.0.1" } as const;

export type Side = "near" | "far";

/**
 * What the kernel has: `cone` keeps a flow's port wherever the port is free, so that each destination sees the same one,
 * but lets in only who was written to (a port-restricted cone; no netfilter target makes a full one). `symmetric` draws
 * a port for each destination (`fully-random`). `oneToOne` leads everything to the host, as clouds do.
 */
export type NatKind = "cone" | "symmetric" | "oneToOne";

/**
 * Two hosts, each behind a NAT of its own, and an internet between them with coturn on it: five network namespaces, held
 * by processes that end with this object. This process is in the internet's and must have been started so.
 */
export class Namespaces {
  readonly ends: Record<Side, RemoteEnd>;
  readonly #gateways: Record<Side, ChildProcess>;
  readonly #turn: ChildProcess;
  readonly #folder = mkdtempSync(join(tmpdir(), "troupe-nat-"));

  private constructor(ends: Record<Side, RemoteEnd>, gateways: Record<Side, ChildProcess>) {
    this.ends = ends;
    this.#gateways = gateways;
    this.#turn = startTurn(this.#folder);
  }

  static async make(): Promise<Namespaces> {
    ip(
      process.pid,
      "link set lo up",
      "link add internet type bridge",
      `addr add ${SERVER}/24 dev internet`,
      "link set internet up",
      // What has no way vanishes on the internet. Nobody is told, and so no server's socket reports an error.
      "link add nowhere type veth peer name nothing",
      "link set nowhere arp off up",
      "link set nothing up",
      "route add default dev nowhere",
    );
    const gateways = { near: holdNamespace(), far: holdNamespace() };
    const ends = { near: new RemoteEnd(hostCommand()), far: new RemoteEnd(hostCommand()) };
    for (const side of ["near", "far"] as const) {
      await ends[side].ready();
      await until("the gateway is in a namespace of its own", () => hasOwnNamespace(gateways[side].pid!));
      connect(side, gateways[side].pid!, ends[side].pid);
    }
    const made = new Namespaces(ends, gateways);
    await until("coturn listens", () => isListening(3478));
    for (const side of ["near", "far"] as const) await ends[side].untilAddress(INSIDE[side]);
    return made;
  }

  setNat(side: Side, kind: NatKind): void {
    const { pid } = this.#gateways[side];
    const translate = {
      cone: "masquerade",
      symmetric: "masquerade fully-random",
      oneToOne: `snat to ${OUTSIDE[side]}`,
    }[kind];
    const inward =
      kind === "oneToOne" ? `iifname "outside" meta l4proto udp dnat to ${INSIDE[side]}` : "accept";
    // What nobody asked for is dropped before it is tracked: else it would take the port of an answer to come.
    const rules = `flush ruleset
table ip nat {
  chain in { type nat hook prerouting priority -100; ${inward}; }
  chain out { type nat hook postrouting priority 100; oifname "outside" ${translate}; }
}
table ip filter {
  chain input { type filter hook input priority 0; iifname "outside" meta l4proto udp drop; }
}
`;
    inNamespace(pid!, ["nft", "-f", "-"], rules);
  }

  /** Takes the host's address away and adds another one; the way out stays. */
  changeAddress(side: Side, from: string, to: string): void {
    ip(
      this.ends[side].pid,
      `addr del ${from}/24 dev inside`,
      `addr add ${to}/24 dev inside`,
      `route replace default via ${GATEWAY[side]}`,
    );
  }

  /** Takes the host's IPv6 address away and adds another one. `dad`: the kernel first has to find that it is unique. */
  changeAddress6(side: Side, from: string, to: string, dad: "dad" | "nodad"): void {
    const how = dad === "nodad" ? "nodad" : "";
    ip(this.ends[side].pid, `addr del ${from}/64 dev inside`, `addr add ${to}/64 dev inside ${how}`);
  }

  /** What the kernel does to a temporary address once there is a newer one (RFC 8981). */
  deprecateAddress6(side: Side, old: string, newer: string): void {
    ip(
      this.ends[side].pid,
      `addr add ${newer}/64 dev inside nodad`,
      `addr change ${old}/64 dev inside nodad preferred_lft 0`,
    );
  }

  async close(): Promise<void> {
    const ended = once(this.#turn, "exit");
    this.#turn.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true });
    for (const side of ["near", "far"] as const) {
      await this.ends[side].close();
      this.#gateways[side].kill("SIGKILL");
    }
  }
}

function hostCommand(): string[] {
  const module = fileURLToPath(new URL("host.ts", import.meta.url));
  return ["unshare", "--net", process.execPath, ...process.execArgv, module];
}

function holdNamespace(): ChildProcess {
  return spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
}

function hasOwnNamespace(pid: number): boolean {
  const of = (one: number | string) =>
    spawnSync("readlink", [`/proc/${one}/ns/net`], { encoding: "utf8" }).stdout;
  return existsSync(`/proc/${pid}/ns/net`) && of(pid) !== of("self");
}

/** host: `inside` - gateway: `inside`, `outside` - the internet's bridge. */
function connect(side: Side, gateway: number, host: number): void {
  const other = side === "near" ? "far" : "near";
  ip(
    process.pid,
    `link add ${side} type veth peer name outside netns ${gateway}`,
    `link set ${side} master internet up`,
  );
  ip(
    gateway,
    "link set lo up",
    `addr add ${OUTSIDE[side]}/24 dev outside`,
    "link set outside up",
    `link add inside type veth peer name inside netns ${host}`,
    `addr add ${GATEWAY[side]}/24 dev inside`,
    "link set inside up",
  );
  ip(
    gateway,
    `addr add ${OUTSIDE6[side]}/64 dev outside nodad`,
    `addr add ${GATEWAY6[side]}/64 dev inside nodad`,
    `route add ${NETWORK6[other]} via ${OUTSIDE6[other]}`,
  );
  const forward = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";
  inNamespace(gateway, ["sh", "-c", forward]);
  ip(
    host,
    "link set lo up",
    `addr add ${INSIDE[side]}/24 dev inside`,
    "link set inside up",
    `route add default via ${GATEWAY[side]}`,
    `addr add ${INSIDE6[side]}/64 dev inside nodad`,
    `route add default via ${GATEWAY6[side]}`,
  );
}

function ip(pid: number, ...commands: string[]): void {
  inNamespace(pid, ["ip", "-batch", "-"], `${commands.join("\n")}\n`);
}

function inNamespace(pid: number, command: string[], input = ""): void {
  execFileSync("nsenter", ["--target", `${pid}`, "--net", ...command], {
    input,
    stdio: ["pipe", "ignore", "inherit"],
  });
}

function startTurn(folder: string): ChildProcess {
  const options = [
    ...["-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--realm", "troupe"],
    ...[
      "--user",
      "troupe:secret",
      "--listening-ip",
      SERVER,
      "--relay-ip",
      SERVER,
      "--listening-port",
      "3478",
    ],
    ...["--log-file", "stdout", "--pidfile", join(folder, "pid"), "--userdb", join(folder, "users")],
  ];
  return spawn("turnserver", options, { stdio: "ignore" });
}

function isListening(port: number): boolean {
  const { stdout } = spawnSync("ss", ["-lunH", `sport = :${port}`], { encoding: "utf8" });
  return stdout.trim() !== "";
}
