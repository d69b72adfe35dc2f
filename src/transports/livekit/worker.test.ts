import { JobStatus, JobType, WorkerStatus } from "@livekit/protocol";
import { jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeAgentLink, FakeAgentServer, fakeJob } from "../../../test/fixtures/FakeAgentServer.ts";
import { ManualClock } from "../../../test/fixtures/ManualClock.ts";
import { CpuLoad } from "./worker/CpuLoad.ts";
import { type JobRun, LiveKitWorker, type LiveKitWorkerOptions } from "./worker.ts";

let server: FakeAgentServer;
let worker: LiveKitWorker | undefined;
beforeEach(async () => {
  server = await FakeAgentServer.start();
});
afterEach(async () => {
  await worker?.close();
  await server.close();
});

function start(options: Partial<LiveKitWorkerOptions> = {}): LiveKitWorker {
  worker = new LiveKitWorker({
    url: server.url,
    apiKey: "devkey",
    apiSecret: "secret",
    agentName: "clerk",
    load: () => 0,
    onJob: untilTold,
    ...options,
  }).start();
  return worker;
}

/** Works until it is told to end. */
function untilTold({ signal }: JobRun): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** The next status of a job that is over. */
async function ending(link: FakeAgentLink): Promise<{ jobId: string; status: JobStatus; error: string }> {
  for (;;) {
    const update = await link.next("updateJob");
    if (update.status !== JobStatus.JS_RUNNING) return update;
  }
}

/** Gives the worker a job that it takes. */
async function give(link: FakeAgentLink, id: string): Promise<void> {
  const job = fakeJob(id);
  link.ask(job);
  expect(await link.next("availability")).toMatchObject({ jobId: id, available: true });
  link.assign(job, `token-${id}`);
  expect(await link.next("updateJob")).toMatchObject({ jobId: id, status: JobStatus.JS_RUNNING });
}

describe("LiveKitWorker", () => {
  it("registers by a token with the agent grant, and says what it is", async () => {
    start({ namespace: "front", kind: "publisher", version: "1.2.3" });
    const link = await server.link();
    expect(link.request.url).toBe("/agent?protocol=1");
    const token = link.request.headers.authorization!.replace("Bearer ", "");
    const { payload } = await jwtVerify(token, new TextEncoder().encode("secret"));
    expect(payload).toMatchObject({ iss: "devkey", video: { agent: true } });
    expect(await link.next("register")).toMatchObject({
      agentName: "clerk",
      namespace: "front",
      version: "1.2.3",
      type: JobType.JT_PUBLISHER,
    });
    link.registered("AW_7");
    expect(await worker!.registered()).toBe("AW_7");
    expect(await link.next("updateWorker")).toMatchObject({ status: WorkerStatus.WS_AVAILABLE, load: 0 });
  });

  it("does a job from the question to its end", async () => {
    const runs: JobRun[] = [];
    start({
      onRequest: (job) => ({ participantIdentity: `clerk-${job.id}`, participantAttributes: { a: "1" } }),
      onJob: async (run) => {
        runs.push(run);
      },
    });
    const link = await server.worker();
    const job = fakeJob("AJ_1");
    link.ask(job);
    expect(await link.next("availability")).toMatchObject({
      jobId: "AJ_1",
      available: true,
      participantIdentity: "clerk-AJ_1",
      participantAttributes: { a: "1" },
    });
    link.assign(job, "the token", "ws://elsewhere");
    expect(await ending(link)).toMatchObject({ jobId: "AJ_1", status: JobStatus.JS_SUCCESS });
    expect(runs[0]).toMatchObject({
      url: "ws://elsewhere",
      token: "the token",
      job: { id: "AJ_1", kind: "room", room: { name: "room-AJ_1" }, metadata: "{}" },
    });
    expect(worker!.jobs).toEqual([]);
  });

  it("takes a job under its own identity, to its own server, when nothing else is said", async () => {
    let url = "";
    start({
      onJob: async (run) => {
        url = run.url;
      },
    });
    const link = await server.worker();
    link.ask(fakeJob("AJ_1"));
    expect(await link.next("availability")).toMatchObject({ participantIdentity: "agent-AJ_1" });
    link.assign(fakeJob("AJ_1"));
    await ending(link);
    expect(url).toBe(server.url);
  });

  it("refuses a job by its decision, and when the decision throws", async () => {
    const answers = [false, new Error("no idea")];
    start({
      onRequest: () => {
        const answer = answers.shift()!;
        if (answer instanceof Error) throw answer;
        return answer as boolean;
      },
    });
    const link = await server.worker();
    for (const id of ["AJ_1", "AJ_2"]) {
      link.ask(fakeJob(id));
      expect(await link.next("availability")).toMatchObject({ jobId: id, available: false });
    }
  });

  it("refuses jobs beyond its number and under full load, and says so", async () => {
    let load = 0;
    start({ maximumJobs: 1, load: () => load });
    const link = await server.worker();
    await give(link, "AJ_1");
    link.ask(fakeJob("AJ_2"));
    expect(await link.next("availability")).toMatchObject({ jobId: "AJ_2", available: false });
    const statuses = link.said.flatMap(({ case: name, value }) => (name === "updateWorker" ? [value] : []));
    expect(statuses.at(-1)).toMatchObject({ status: WorkerStatus.WS_FULL, jobCount: 1 });
    link.terminate("AJ_1");
    await ending(link);
    load = 0.8;
    link.ask(fakeJob("AJ_3"));
    expect(await link.next("availability")).toMatchObject({ jobId: "AJ_3", available: false });
  });

  it("reports a job that fails, with what it failed with", async () => {
    start({
      onJob: async () => {
        throw new Error("no voice");
      },
    });
    const link = await server.worker();
    link.ask(fakeJob("AJ_1"));
    await link.next("availability");
    link.assign(fakeJob("AJ_1"));
    expect(await ending(link)).toMatchObject({ status: JobStatus.JS_FAILED, error: "no voice" });
  });

  it("tells a job to end when the server terminates it", async () => {
    start();
    const link = await server.worker();
    await give(link, "AJ_1");
    expect(worker!.jobs).toHaveLength(1);
    link.terminate("AJ_1");
    expect(await ending(link)).toMatchObject({ jobId: "AJ_1", status: JobStatus.JS_SUCCESS });
  });

  it("dials again when it is lost, and tells of jobs that run and of those that ended meanwhile", async () => {
    const told = new Map<string, () => void>();
    start({ onJob: (run) => new Promise<void>((resolve) => told.set(run.job.id, resolve)) });
    const first = await server.worker();
    await give(first, "AJ_1");
    await give(first, "AJ_2");
    const lost = new Promise((resolve) => worker!.on("lost", resolve));
    first.cut();
    await lost;
    told.get("AJ_1")!();
    const second = await server.worker("AW_2");
    expect(await second.next("migrateJob")).toMatchObject({ jobIds: ["AJ_2"] });
    expect(await ending(second)).toMatchObject({ jobId: "AJ_1", status: JobStatus.JS_SUCCESS });
    expect(worker!.workerId).toBe("AW_2");
    told.get("AJ_2")!();
    expect(await ending(second)).toMatchObject({ jobId: "AJ_2", status: JobStatus.JS_SUCCESS });
  });

  it("gives up when the server refuses its key", async () => {
    server.refusal = 401;
    start();
    await expect(worker!.registered()).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    await worker!.closed();
    expect(worker!.state).toBe("failed");
  });

  it("dials on when a server that took it refuses it for a while", async () => {
    start();
    const first = await server.worker();
    await worker!.registered();
    server.refusal = 404;
    const refused = new Promise<void>((resolve) =>
      worker!.on("lost", ({ message }) => message.includes("HTTP 404") && resolve()),
    );
    first.cut();
    await refused;
    server.refusal = undefined;
    await server.worker("AW_2");
    expect(worker!.workerId).toBe("AW_2");
  });

  it("drains: takes no more jobs, and closes when those that run have ended", async () => {
    start();
    const link = await server.worker();
    await give(link, "AJ_1");
    const drained = worker!.drain();
    link.ask(fakeJob("AJ_2"));
    expect(await link.next("availability")).toMatchObject({ jobId: "AJ_2", available: false });
    link.terminate("AJ_1");
    expect(await ending(link)).toMatchObject({ jobId: "AJ_1" });
    await drained;
    expect(await link.closed).toBe(1000);
  });

  it("ends all jobs when it is closed, and reports each", async () => {
    start();
    const link = await server.worker();
    await give(link, "AJ_1");
    await give(link, "AJ_2");
    const ended: string[] = [];
    worker!.on("jobEnded", ({ id }, outcome) => ended.push(`${id} ${outcome}`));
    await worker!.close();
    expect(ended.sort()).toEqual(["AJ_1 succeeded", "AJ_2 succeeded"]);
    await link.closed;
    const statuses = link.said.flatMap(({ case: name, value }) =>
      name === "updateJob" && value.status === JobStatus.JS_SUCCESS ? [value.jobId] : [],
    );
    expect(statuses.sort()).toEqual(["AJ_1", "AJ_2"]);
  });

  it("is not disturbed by what it cannot read, nor by jobs it does not know", async () => {
    start();
    const link = await server.worker();
    link.sendRaw(new Uint8Array([255, 255, 255]));
    link.terminate("AJ_9");
    link.assign(fakeJob("AJ_9"));
    expect(await ending(link)).toMatchObject({ jobId: "AJ_9", status: JobStatus.JS_FAILED });
    await give(link, "AJ_1");
  });

  it("checks its options", () => {
    const make = (options: object) => () =>
      new LiveKitWorker({ url: "ws://x", apiKey: "k", apiSecret: "s", onJob: () => {}, ...options });
    expect(make({ url: "ftp://x" })).toThrow(/worker.url/);
    expect(make({ onJob: "no" })).toThrow(/worker.onJob/);
    expect(make({ apiSecret: 5 })).toThrow(/worker.apiSecret/);
    expect(make({ load: { jobs: 0 } })).toThrow(/worker.load/);
  });
});

describe("CpuLoad", () => {
  it("is the share of time in which the processors were not idle", async () => {
    const clock = new ManualClock();
    const times = { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 };
    const load = new CpuLoad(() => [{ model: "", speed: 0, times: { ...times } }], clock);
    times.user = 300;
    times.idle = 700;
    expect(load.read()).toBe(0);
    await clock.pass(1_000);
    expect(load.read()).toBeCloseTo(0.3);
    times.idle = 1_700;
    await clock.pass(1_000);
    expect(load.read()).toBe(0);
  });
});
