import { execFileSync } from "node:child_process";
import { nowMs } from "./Arrivals.ts";

/** Where the servers are: behind both links, on neither. */
export const FAR_ADDRESS = "10.79.0.1";

/** One of the two links: its names at both ends, and its network. */
interface Link {
  near: string;
  far: string;
  /** The first three bytes of its addresses; `.1` is the far end. */
  network: string;
  /** The last byte of the near end's address. */
  host: number;
}

/** Two links between this network namespace and that of a process; media and signalling go by one of them. */
export class Links {
  readonly #farPid: number;
  #current: Link = { near: "near0", far: "far0", network: "10.77.0", host: 2 };
  #other: Link = { near: "near1", far: "far1", network: "10.78.0", host: 2 };
  #made = 2;

  constructor(farPid: number) {
    this.#farPid = farPid;
    this.#ip("link set lo up");
    // A loopback interface is no way for media.
    this.#farIp(
      "link set lo up",
      "link add servers type veth peer name nothing",
      `addr add ${FAR_ADDRESS}/32 dev servers`,
      "link set servers up",
      "link set nothing up",
    );
    for (const link of [this.#current, this.#other]) this.#make(link);
    this.#come(this.#current, 100);
  }

  get address(): string {
    return addressOf(this.#current);
  }

  /** Takes the address away and adds another one at once. */
  moveAddress(): void {
    const before = addressOf(this.#current);
    this.#current.host = otherHost(this.#current);
    this.#ip(`addr del ${before}/24 dev ${this.#current.near}`, ...arrival(this.#current, 100));
  }

  removeAddress(): void {
    this.#ip(`addr del ${addressOf(this.#current)}/24 dev ${this.#current.near}`);
    this.#current.host = otherHost(this.#current);
  }

  addAddress(): number {
    const began = nowMs();
    this.#ip(...arrival(this.#current, 100));
    return began;
  }

  down(): void {
    this.#ip(`link set ${this.#current.near} down`);
  }

  up(): number {
    const began = nowMs();
    this.#ip(`link set ${this.#current.near} up`, route(this.#current, 100));
    return began;
  }

  /** Brings the other link, by which traffic goes at once or only when the first one is down. */
  addOther({ isPreferred }: { isPreferred: boolean }): number {
    const began = nowMs();
    this.#ip(`link set ${this.#other.near} down`, `addr flush dev ${this.#other.near}`);
    this.#come(this.#other, isPreferred ? 50 : 200);
    return began;
  }

  preferOther(): void {
    this.#ip(route(this.#other, 50));
  }

  /** What is sent over the link reaches nobody. The kernel sees nothing of that. */
  loseEverything(): void {
    const { near, far, network } = this.#current;
    this.#ip(`neigh replace ${network}.1 lladdr 02:00:00:00:00:09 dev ${near} nud permanent`);
    this.#farIp(
      `neigh replace ${addressOf(this.#current)} lladdr 02:00:00:00:00:09 dev ${far} nud permanent`,
    );
  }

  loseNothing(): void {
    this.#ip(`neigh flush nud permanent dev ${this.#current.near}`);
    this.#farIp(`neigh flush nud permanent dev ${this.#current.far}`);
  }

  /** The other link is the one that is meant from now on. */
  exchange(): void {
    [this.#current, this.#other] = [this.#other, this.#current];
  }

  /** Takes the interface away and makes one of another name with another address. */
  renew(): number {
    this.#ip(`link del ${this.#current.near}`);
    this.#current.near = `near${this.#made++}`;
    this.#current.host = otherHost(this.#current);
    this.#make(this.#current);
    const began = nowMs();
    this.#come(this.#current, 100);
    return began;
  }

  /** After a change: of what is not meant any more nothing stays. */
  settle(): void {
    const { near, far } = this.#other;
    this.#ip(`link set ${near} down`, `neigh flush nud permanent dev ${near}`);
    this.#farIp(`neigh flush nud permanent dev ${far}`);
    this.#ip(route(this.#current, 100));
  }

  #make({ near, far, network }: Link): void {
    this.#ip(`link add ${near} type veth peer name ${far} netns ${this.#farPid}`);
    this.#farIp(`addr add ${network}.1/24 dev ${far}`, `link set ${far} up`);
  }

  #come(link: Link, metric: number): void {
    this.#ip(`link set ${link.near} up`, ...arrival(link, metric));
  }

  #ip(...commands: string[]): void {
    execFileSync("ip", ["-batch", "-"], { input: `${commands.join("\n")}\n` });
  }

  #farIp(...commands: string[]): void {
    const command = ["--target", `${this.#farPid}`, "--net", "ip", "-batch", "-"];
    execFileSync("nsenter", command, { input: `${commands.join("\n")}\n` });
  }
}

function addressOf({ network, host }: Link): string {
  return `${network}.${host}`;
}

function otherHost({ host }: Link): number {
  return 5 - host;
}

function arrival(link: Link, metric: number): string[] {
  return [`addr add ${addressOf(link)}/24 dev ${link.near}`, route(link, metric)];
}

/** Of two default routes that of the lower metric is taken. */
function route({ near, network }: Link, metric: number): string {
  return `route replace default via ${network}.1 dev ${near} metric ${metric}`;
}
