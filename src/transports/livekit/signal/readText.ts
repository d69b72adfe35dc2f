/** The beginning of a response's body; the rest is not waited for. */
export async function readText(response: Response, maximumBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= maximumBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, maximumBytes);
}
