import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../connection/index.ts";
import { TroupeError } from "../core/index.ts";
import { sora } from "../transports/sora/index.ts";
import { Stage } from "./Stage.ts";

let stage: Stage;
afterEach(() => stage.close());

async function join() {
  const connection = connect(
    sora({
      signalingUrls: [stage.signalingUrl],
      channelId: "lobby",
      role: "recvonly",
      dataChannelSignaling: true,
    }),
  );
  const switched = new Promise((resolve) => connection.on("switched", resolve));
  await connection.connected();
  await switched;
  return connection;
}

describe("a method of the stage", () => {
  it("is offered, called with who calls, and answers", async () => {
    stage = await Stage.start({
      methods: {
        double: (params) => ({ doubled: (params as { value: number }).value * 2 }),
        whoAmI: (_, { channelId, connectionId }) => [channelId, connectionId],
        later: async () => {
          await Promise.resolve();
          return null;
        },
      },
    });
    const connection = await join();
    expect(connection.rpcMethods).toEqual(["double", "whoAmI", "later"]);
    expect(await connection.rpc("double", { value: 21 })).toEqual({ doubled: 42 });
    expect(await connection.rpc("whoAmI")).toEqual(["lobby", connection.connectionId]);
    expect(await connection.rpc("later")).toBeNull();
    await connection.disconnect();
  });

  it("fails with the numbers of JSON-RPC, and what fails inside stays inside", async () => {
    stage = await Stage.start({
      methods: {
        strict: () => {
          throw new TroupeError("INVALID_MESSAGE", "value must be a number");
        },
        broken: () => {
          throw new Error("a secret of the server");
        },
      },
    });
    const connection = await join();
    const failure = (rpcCode: number, message: string) => ({ name: "SoraRpcError", rpcCode, message });
    await expect(connection.rpc("none")).rejects.toMatchObject(failure(-32_601, "Method not found"));
    await expect(connection.rpc("toString")).rejects.toMatchObject(failure(-32_601, "Method not found"));
    await expect(connection.rpc("strict")).rejects.toMatchObject(failure(-32_602, "value must be a number"));
    await expect(connection.rpc("broken")).rejects.toMatchObject(failure(-32_603, "Internal error"));
    await connection.disconnect();
  });

  it("is not there unless the stage has any", async () => {
    stage = await Stage.start();
    const connection = await join();
    expect(connection.rpcMethods).toEqual([]);
    await expect(connection.rpc("double")).rejects.toMatchObject({ code: "INVALID_STATE" });
    await connection.disconnect();
  });
});
