const MARK = "(the token)";
/** Where a text ends in less than this of a token, it says nothing of it: every token begins with its header. */
const LEAST_CHARACTERS = 20;

/** What a server says, fit for logs: servers repeat a bad token, and the end of a long answer is cut off in its midst. */
export function withoutToken(text: string, token: string): string {
  const rest = text.replaceAll(token, MARK);
  for (let length = Math.min(token.length, rest.length); length >= LEAST_CHARACTERS; length--)
    if (rest.endsWith(token.slice(0, length))) return rest.slice(0, -length) + MARK;
  return rest;
}
