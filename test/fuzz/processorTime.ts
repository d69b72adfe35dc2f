/** Milliseconds that this process has computed since `started`, so that a busy machine does not count against an input. */
export function processorMsSince(started: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}
