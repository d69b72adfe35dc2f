import { AgentDispatchClient, RoomServiceClient } from "livekit-server-sdk";
import { type JobRun, LiveKitWorker } from "../../../src/transports/livekit/index.ts";
import { type Checks, expect } from "../sora/Checks.ts";

const API_KEY = "devkey";
const API_SECRET = "secret";
const JOBS = 50;
/** Half of the jobs are ended by the server, the rest by the worker. */
const ENDED_BY_SERVER = 25;
const KIND_AGENT = 4;

/** Jobs that the real server dispatches to our worker: taken, in their rooms, and ended from both sides. */
export async function workerChecks(checks: Checks, url: string): Promise<void> {
  const host = url.replace("ws", "http");
  const dispatcher = new AgentDispatchClient(host, API_KEY, API_SECRET);
  const rooms = new RoomServiceClient(host, API_KEY, API_SECRET);
  const joined = new Map<string, string>();
  const outcomes = new Map<string, string>();
  let wake = () => {};
  const worker = new LiveKitWorker({
    url,
    apiKey: API_KEY,
    apiSecret: API_SECRET,
    agentName: "interop",
    load: () => 0,
    onRequest: ({ id }) => ({
      participantIdentity: `bot-${id}`,
      participantAttributes: { made: "by troupe" },
    }),
    onJob: async (run: JobRun) => {
      const connection = run.connect();
      await connection.connected();
      joined.set(run.job.room.name, run.job.id);
      wake();
      await connection.disconnected();
    },
  });
  worker.on("jobEnded", ({ room }, outcome, error) => {
    outcomes.set(room.name, outcome === "succeeded" ? outcome : `${outcome}: ${error}`);
    wake();
  });
  const until = async (holds: () => boolean) => {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const names = Array.from({ length: JOBS }, (_, index) => `worker-${process.pid}-${index}`);
  const dispatches: string[] = [];
  const agentsIn = async (name: string) => {
    const there = await rooms.listParticipants(name).catch(() => []);
    return there.filter(({ kind }) => (kind as number) === KIND_AGENT);
  };

  await checks.group("a worker and the real server", async () => {
    await using _worker = worker;
    await checks.check("the server registers the worker", async () => worker.start().registered());
    await checks.check(`the worker joins the rooms of ${JOBS} jobs that the server dispatches`, async () => {
      const begin = performance.now();
      for (const name of names) {
        await rooms.createRoom({ name, departureTimeout: 60, emptyTimeout: 60 });
        const { id } = await dispatcher.createDispatch(name, "interop", { metadata: "from interop" });
        dispatches.push(id);
      }
      await until(() => joined.size + outcomes.size >= JOBS);
      expect(joined.size === JOBS, `${joined.size} joined, ended: ${[...outcomes.values()].join(", ")}`);
      expect(worker.jobs.length === JOBS, `${worker.jobs.length} jobs run`);
      return `${Math.round(performance.now() - begin)} ms`;
    });
    await checks.check("each is in its room as an agent, by its own name and attributes", async () => {
      for (const name of names) {
        const [agent, ...others] = await agentsIn(name);
        expect(
          others.length === 0 && agent !== undefined,
          `${others.length + (agent ? 1 : 0)} agents in ${name}`,
        );
        expect(agent!.identity === `bot-${joined.get(name)}`, `${agent!.identity} in ${name}`);
        expect(agent!.attributes.made === "by troupe", `attributes of ${agent!.identity}`);
      }
    });
    await checks.check("jobs whose dispatch is deleted end in order", async () => {
      for (const [index, id] of dispatches.slice(0, ENDED_BY_SERVER).entries()) {
        await dispatcher.deleteDispatch(id, names[index]!);
      }
      await until(() => outcomes.size >= ENDED_BY_SERVER);
      expect(worker.jobs.length === JOBS - ENDED_BY_SERVER, `${worker.jobs.length} jobs run`);
    });
    await checks.check("the rest end in order when the worker closes", async () => {
      await worker.close();
      const failed = [...outcomes.values()].filter((outcome) => outcome !== "succeeded");
      expect(outcomes.size === JOBS, `${outcomes.size} ended`);
      expect(failed.length === 0, failed.join(", "));
      for (const name of names) {
        const agents = await agentsIn(name);
        expect(agents.length === 0, `${agents[0]?.identity} is still in ${name}`);
      }
    });
  });
  for (const name of names) await rooms.deleteRoom(name).catch(() => {});
}
