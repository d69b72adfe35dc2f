import { LeaveRequest, LeaveRequest_Action, Ping, SignalRequest, SignalResponse } from "@livekit/protocol";
import { type Clock, TypedEvents } from "../../../core/index.ts";
import { SignalSocket, type SocketEnding } from "./SignalSocket.ts";

/** A message of ours by its case in the protocol's SignalRequest. */
export type SignalMessage = Exclude<SignalRequest["message"], { case: undefined }>;

export type SignalClientEvents = {
  open: [];
  /** Every message of the server that could be read, in order. */
  response: [response: SignalResponse];
  /** A message that could not be read, or that has no known case. */
  ignored: [what: string];
  /** The socket is gone; fires once, and not after {@link SignalClient.close}. */
  lost: [ending: SocketEnding];
};

const DEFAULT_PING = { intervalMs: 5_000, timeoutMs: 15_000 };

/** LiveKit's signalling on one WebSocket: protobuf out, protobuf or its JSON form in, and pings. */
export class SignalClient {
  readonly events = new TypedEvents<SignalClientEvents>();
  readonly #socket: SignalSocket;
  readonly #clock: Clock;
  #ping = DEFAULT_PING;
  #pingTimer: unknown;
  #deadline: unknown;
  #closed = false;
  #roundTripMs = 0;

  /** Dials at once. */
  constructor(url: string, token: string, options: { connectTimeoutMs: number; clock: Clock }) {
    this.#clock = options.clock;
    this.#socket = new SignalSocket(url, token, options.connectTimeoutMs);
    this.#socket.events.on("open", () => this.events.emit("open"));
    this.#socket.events.on("message", (data, binary) => this.#onMessage(data, binary));
    this.#socket.events.on("closed", (ending) => this.#onClosed(ending));
  }

  get isOpen(): boolean {
    return !this.#closed && this.#socket.isOpen;
  }

  /** Of the last ping, in ms; 0 before it. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** False when the socket is not open: nothing was taken. */
  send(message: SignalMessage): boolean {
    return !this.#closed && this.#socket.send(new SignalRequest({ message }).toBinary());
  }

  /**
   * Pings from now on; when nothing at all came for `timeoutMs` the socket counts as lost.
   *
   * @param intervalMs and `timeoutMs`: the defaults when 0.
   */
  startPings(intervalMs: number, timeoutMs: number): void {
    this.#ping = {
      intervalMs: intervalMs || DEFAULT_PING.intervalMs,
      timeoutMs: timeoutMs || DEFAULT_PING.timeoutMs,
    };
    this.#clock.clearTimeout(this.#pingTimer);
    this.#sendPing();
    this.#renewDeadline(this.#ping.timeoutMs);
  }

  /** Whether the server is alive is to be known within `ms`: cuts the socket when nothing comes till then. */
  probe(ms: number): void {
    this.#sendPing();
    this.#renewDeadline(ms);
  }

  /** Tells the server that we leave for good. */
  leave(reason: LeaveRequest["reason"]): void {
    this.send({ case: "leave", value: new LeaveRequest({ reason, action: LeaveRequest_Action.DISCONNECT }) });
  }

  /** Nothing fires afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#end();
    this.#socket.close();
  }

  #sendPing(): void {
    this.#clock.clearTimeout(this.#pingTimer);
    const timestamp = BigInt(Date.now());
    this.send({ case: "ping", value: timestamp });
    this.send({ case: "pingReq", value: new Ping({ timestamp, rtt: BigInt(this.#roundTripMs) }) });
    this.#pingTimer = this.#clock.setTimeout(() => this.#sendPing(), this.#ping.intervalMs);
  }

  #renewDeadline(ms: number): void {
    this.#clock.clearTimeout(this.#deadline);
    this.#deadline = this.#clock.setTimeout(
      () => this.#socket.terminate(new Error("the server does not answer pings")),
      ms,
    );
  }

  #onMessage(data: Buffer, binary: boolean): void {
    if (this.#closed) return;
    if (this.#deadline !== undefined) this.#renewDeadline(this.#ping.timeoutMs);
    const response = parse(data, binary);
    if (response?.message.case === "pongResp") {
      this.#roundTripMs = Math.max(0, Date.now() - Number(response.message.value.lastPingTimestamp));
    }
    if (!response) this.events.emit("ignored", "a signalling message that cannot be read");
    else if (response.message.case === undefined)
      this.events.emit("ignored", "a signalling message of an unknown kind");
    else this.events.emit("response", response);
  }

  #onClosed(ending: SocketEnding): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimers();
    this.events.emit("lost", ending);
    this.events.removeAllListeners();
  }

  #end(): void {
    this.#closed = true;
    this.#stopTimers();
    this.events.removeAllListeners();
  }

  #stopTimers(): void {
    this.#clock.clearTimeout(this.#pingTimer);
    this.#clock.clearTimeout(this.#deadline);
  }
}

function parse(data: Buffer, binary: boolean): SignalResponse | undefined {
  try {
    return binary
      ? SignalResponse.fromBinary(data)
      : SignalResponse.fromJsonString(data.toString("utf8"), { ignoreUnknownFields: true });
  } catch {
    return undefined;
  }
}
