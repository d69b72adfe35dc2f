import { once } from "node:events";
import { Stage } from "../stage/index.ts";

export interface StageOptions {
  host: string;
  port: number;
  secret?: string;
  json?: boolean;
}

/** `troupe stage`: runs a stage until `signal` aborts. */
export async function runStage(options: StageOptions, signal: AbortSignal): Promise<void> {
  const stage = await Stage.start({ host: options.host, port: options.port, secret: options.secret });
  const { signalingUrl, apiUrl, pageUrl } = stage;
  if (options.json) process.stdout.write(`${JSON.stringify({ signalingUrl, apiUrl, pageUrl })}\n`);
  else {
    process.stdout.write(`The stage is open.\n  signalling  ${signalingUrl}\n  API         ${apiUrl}\n`);
    process.stdout.write(
      `  web page    ${pageUrl ?? "not served: this address needs TLS"}\nCtrl-C closes it.\n`,
    );
  }
  if (!signal.aborted) await once(signal, "abort");
  await stage.close();
}
