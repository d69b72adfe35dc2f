// The stage in a process of its own, with options as JSON: prints one line of JSON when it is ready, ends when its
// input does.
import { Stage } from "troupe/stage";

const stage = await Stage.start(JSON.parse(process.argv[2] ?? "{}"));
process.stdout.write(`${JSON.stringify({ signalingUrl: stage.signalingUrl, apiUrl: stage.apiUrl })}\n`);
process.stdin.resume();
process.stdin.once("end", async () => {
  await stage.close();
  process.exit(0);
});
