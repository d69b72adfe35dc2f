import { DataPacket, RpcRequest } from "@livekit/protocol";
import { describe, expect, it } from "vitest";
import { DataRoom } from "../../../../../test/fixtures/DataRoom.ts";
import { ManualClock, settled } from "../../../../../test/fixtures/ManualClock.ts";
import { TroupeError } from "../../../../core/index.ts";
import { RpcError } from "../../errors.ts";
import type { RpcInvocation } from "../index.ts";

function party({ clientProtocol = 0, serverVersion = "1.13.5", limits = {} } = {}) {
  const room = new DataRoom();
  const clock = new ManualClock();
  const alice = room.join("alice", { clock, clientProtocol, serverVersion });
  const bob = room.join("bob", { clock, clientProtocol, limits });
  const call = (method: string, payload = "", options = {}) =>
    alice.hub.performRpc({ destinationIdentity: "bob", method, payload, ...options });
  return { room, clock, alice, bob, call };
}

/** What a call failed with: its code, or a TroupeError's. */
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => "none",
    (error) => (error instanceof RpcError ? error.rpcCode : error.code),
  );

const never = () => new Promise<string>(() => {});
const long = "x".repeat(15_361);

/** One row a sentence of the semantics, by packets (client protocol 0) and by streams (1, 2). */
describe.each([0, 1, 2])("RPC to a client of protocol %i", (clientProtocol) => {
  it("gives the handler's answer", async () => {
    const { bob, call } = party({ clientProtocol });
    const calls: RpcInvocation[] = [];
    bob.hub.registerRpcMethod("greet", async (invocation) => {
      calls.push(invocation);
      return `hello ${invocation.payload}`;
    });
    expect(await call("greet", "wörld")).toBe("hello wörld");
    expect(calls[0]).toMatchObject({ callerIdentity: "alice", method: "greet", payload: "wörld" });
    expect(calls[0]!.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    [15_000, 8_000],
    [7_500, 1_000],
    [60_000, 53_000],
    [undefined, 8_000],
  ])("tells the handler of a call with %s ms that it has max(timeout - 7 s, 1 s)", async (given, told) => {
    const { bob, call } = party({ clientProtocol });
    bob.hub.registerRpcMethod("time", ({ responseTimeoutMs }) => String(responseTimeoutMs));
    expect(await call("time", "", { responseTimeoutMs: given })).toBe(String(told));
  });

  it("fails with 1400 when nobody registered the method, or when it was unregistered", async () => {
    const { bob, call } = party({ clientProtocol });
    expect(await failureOf(call("missing"))).toBe(1400);
    bob.hub.registerRpcMethod("m", () => "");
    bob.hub.unregisterRpcMethod("m");
    expect(await failureOf(call("m"))).toBe(1400);
  });

  it("fails with 1401 when no participant has the identity, and none comes in 7 s", async () => {
    const { call, clock } = party({ clientProtocol });
    const failure = failureOf(call("m", "", { destinationIdentity: "nobody" }));
    await clock.pass(7_000);
    expect(await failure).toBe(1401);
  });

  it("fails with 1403 when the server is older than 1.8", async () => {
    const { call } = party({ clientProtocol, serverVersion: "1.7.2" });
    expect(await failureOf(call("m"))).toBe(1403);
  });

  it("fails with 1500 when the handler throws anything, which it does not tell", async () => {
    const { bob, call } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", () => {
      throw new Error("the password is hunter2");
    });
    const error = await call("m").catch((failure) => failure);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toBeInstanceOf(TroupeError);
    expect(error.rpcCode).toBe(1500);
    expect(`${error.message} ${error.data}`).not.toContain("hunter2");
  });

  it("forwards an RpcError that the handler throws, with its code, message and data", async () => {
    const { bob, call } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", async () => {
      throw new RpcError(101, "no seats", '{"left":0}');
    });
    const error = await call("m").catch((failure) => failure);
    expect(error).toMatchObject({ rpcCode: 101, message: "no seats", data: '{"left":0}' });
  });

  it("cuts an error's message at 256 bytes and its data at 15,360", async () => {
    const { bob, call } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", () => {
      throw new RpcError(101, "é".repeat(200), "é".repeat(10_000));
    });
    const error = await call("m").catch((failure) => failure);
    expect(error.message).toBe("é".repeat(128));
    expect(error.data).toBe("é".repeat(7_680));
  });

  it("fails with 1501 when no acknowledgement came in 7 s", async () => {
    const { bob, call, clock } = party({ clientProtocol });
    bob.hub.close();
    const failure = failureOf(call("m"));
    await clock.pass(6_999);
    expect(await Promise.race([failure, "waiting"])).toBe("waiting");
    await clock.pass(1);
    expect(await failure).toBe(1501);
  });

  it("fails with 1502 when no response came in 15 s from the acknowledgement on", async () => {
    const { bob, call, clock } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", never);
    const failure = failureOf(call("m"));
    await settled();
    // Nothing more of bob's arrives, so the time that counts is the caller's.
    bob.isLosing = true;
    await clock.pass(14_999);
    expect(await Promise.race([failure, "waiting"])).toBe("waiting");
    await clock.pass(1);
    expect(await failure).toBe(1502);
  });

  it("fails with 1502 when the handler takes longer than it was told, which aborts its signal", async () => {
    const { bob, call, clock } = party({ clientProtocol });
    let signal: AbortSignal | undefined;
    bob.hub.registerRpcMethod("m", (invocation) => {
      signal = invocation.signal;
      return never();
    });
    const failure = failureOf(call("m"));
    await clock.pass(8_000);
    expect(await failure).toBe(1502);
    expect(signal!.aborted).toBe(true);
  });

  it("fails with 1503 when the recipient leaves, and when we do", async () => {
    const { room, bob, call } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", never);
    const first = failureOf(call("m"));
    await settled();
    room.leave(bob);
    expect(await first).toBe(1503);
    const second = party({ clientProtocol });
    second.bob.hub.registerRpcMethod("m", never);
    const failure = failureOf(second.call("m"));
    await settled();
    second.alice.hub.close();
    expect(await failure).toBe(1503);
  });

  it("fails with 1505 when the request cannot be sent", async () => {
    const { alice, call } = party({ clientProtocol });
    alice.refusal = new Error("broken");
    expect(await failureOf(call("m"))).toBe(1505);
  });

  it("runs no handler twice when the request is sent again", async () => {
    const { alice, bob, call } = party({ clientProtocol });
    let runs = 0;
    bob.hub.registerRpcMethod("m", () => {
      runs += 1;
      return "";
    });
    alice.isDoubling = true;
    await call("m");
    expect(runs).toBe(1);
  });

  it("takes a handler in place of another of the same method", async () => {
    const { bob, call } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", () => "old");
    bob.hub.registerRpcMethod("m", () => "new");
    expect(await call("m")).toBe("new");
  });

  it("ends handlers when the caller leaves and when the room is left", async () => {
    const { room, alice, bob, call } = party({ clientProtocol });
    const signals: AbortSignal[] = [];
    bob.hub.registerRpcMethod("m", ({ signal }) => {
      signals.push(signal);
      return never();
    });
    const first = failureOf(call("m"));
    await settled();
    room.leave(alice);
    await settled();
    expect(signals[0]!.aborted).toBe(true);
    alice.hub.close();
    await first;
    const dora = room.join("dora", { clientProtocol });
    const second = failureOf(dora.hub.performRpc({ destinationIdentity: "bob", method: "m", payload: "" }));
    await settled();
    bob.hub.close();
    expect(signals[1]!.aborted).toBe(true);
    dora.hub.close();
    await second;
  });

  it("takes answers from nobody but the recipient", async () => {
    const { room, bob, call, clock } = party({ clientProtocol });
    let requestId = "";
    bob.hub.registerRpcMethod("m", (invocation) => {
      requestId = invocation.requestId;
      return never();
    });
    const failure = failureOf(call("m"));
    await settled();
    const mallory = room.join("mallory", { clientProtocol });
    const value = {
      case: "rpcResponse" as const,
      value: { requestId, value: { case: "payload", value: "" } },
    };
    await mallory.send(
      "reliable",
      new DataPacket({ value: value as never, destinationIdentities: ["alice"] }).toBinary(),
    );
    await clock.pass(20_000);
    expect(await failure).toBe(1502);
  });

  it("can be cancelled, and leaves no timer behind in any case", async () => {
    const { bob, call, clock } = party({ clientProtocol });
    bob.hub.registerRpcMethod("m", () => "");
    await call("m");
    const controller = new AbortController();
    bob.hub.registerRpcMethod("n", never);
    const failure = failureOf(call("n", "", { signal: controller.signal }));
    await settled();
    controller.abort();
    expect(await failure).toBe("CANCELLED");
    bob.hub.close();
    await settled();
    expect(clock.pending).toBe(0);
  });

  it("answers with 1500 when too many calls run", async () => {
    const { bob, call } = party({ clientProtocol, limits: { runningCalls: 2 } });
    bob.hub.registerRpcMethod("m", never);
    void failureOf(call("m"));
    void failureOf(call("m"));
    await settled();
    expect(await failureOf(call("m"))).toBe(1500);
  });
});

describe("RPC by packets", () => {
  it("fails with 1402 on a request of over 15,360 bytes and with 1504 on such a response", async () => {
    const { bob, call } = party();
    bob.hub.registerRpcMethod("echo", ({ payload }) => payload);
    bob.hub.registerRpcMethod("long", () => long);
    expect(await failureOf(call("echo", long))).toBe(1402);
    expect(await failureOf(call("echo", "é".repeat(7_681)))).toBe(1402);
    expect(await call("echo", long.slice(1))).toHaveLength(15_360);
    expect(await failureOf(call("long"))).toBe(1504);
  });

  it("answers an unknown version with 1404, after the acknowledgement", async () => {
    const { alice, bob } = party();
    const request = new RpcRequest({
      id: "r",
      method: "m",
      payload: "",
      version: 9,
      responseTimeoutMs: 1_000,
    });
    const value = { case: "rpcRequest" as const, value: request };
    await alice.send("reliable", new DataPacket({ value, destinationIdentities: ["bob"] }).toBinary());
    await settled();
    expect(bob.sent.map(({ value: { value } }) => value)).toMatchObject([
      { requestId: "r" },
      { requestId: "r", value: { case: "error", value: { code: 1404 } } },
    ]);
  });
});

describe("RPC by streams", () => {
  it("has no limit on payloads either way", async () => {
    const { bob, call } = party({ clientProtocol: 1 });
    bob.hub.registerRpcMethod("echo", ({ payload }) => payload);
    expect(await call("echo", long.repeat(20))).toBe(long.repeat(20));
  });

  it("returns errors by packets", async () => {
    const { bob, call } = party({ clientProtocol: 1 });
    await failureOf(call("missing"));
    expect(bob.sent.map(({ value }) => value.case)).toEqual(["rpcAck", "rpcResponse"]);
  });

  it("answers an unknown version with 1404", async () => {
    const { alice, bob } = party({ clientProtocol: 1 });
    await alice.hub.sendText("", {
      topic: "lk.rpc_request",
      destinationIdentities: ["bob"],
      attributes: {
        "lk.rpc_request_id": "r",
        "lk.rpc_request_method": "m",
        "lk.rpc_request_response_timeout_ms": "1000",
        "lk.rpc_request_version": "9",
      },
    });
    await settled();
    expect(bob.sent.at(-1)!.value.value).toMatchObject({ value: { case: "error", value: { code: 1404 } } });
  });

  it("ignores requests without an id or a method", async () => {
    const { alice, bob } = party({ clientProtocol: 1 });
    await alice.hub.sendText("x", { topic: "lk.rpc_request", destinationIdentities: ["bob"] });
    await alice.hub.sendText("x", { topic: "lk.rpc_response", destinationIdentities: ["bob"] });
    await settled();
    expect(bob.sent).toEqual([]);
  });
});
