import type { ReceiverFigures } from "./judge.ts";
import type { QualityFigures, QualityRowFigures } from "./quality.ts";
import type { HourFigures } from "./receiver.ts";

type Column = [title: string, show: (figures: ReceiverFigures) => string];

const COLUMNS: Column[] = [
  ["score", ({ score }) => score.toFixed(2)],
  ["worst", ({ worstScore }) => worstScore.toFixed(2)],
  ["concealed, %", ({ concealedPercent }) => concealedPercent.toFixed(2)],
  ["gaps / min", ({ gapsPerMinute }) => gapsPerMinute.toFixed(1)],
  ["added delay, ms", ({ addedDelayMs }) => addedDelayMs.p50.toFixed(0)],
  ["its P95", ({ addedDelayMs }) => addedDelayMs.p95.toFixed(0)],
  ["NACKs", ({ nacks }) => String(nacks)],
];

/** Rows in which the added delay is compared as well. */
const DELAY_ROWS = /^(clean|5 % loss|jitter of .*)$/;

/** Scores and delays closer than this are the same: two runs of one receiver differ by as much. */
const SAME_SCORE = 0.03;
const SAME_DELAY_MS = 3;

/** The page docs/audio-quality.md. */
export function writeReport(figures: QualityFigures): string {
  const { environment, rows, seconds } = figures;
  return `# Audio quality over a bad network

Written by \`npm run bench -- quality --seconds ${seconds} --report docs/audio-quality.md\`; do not edit it by hand.

${HOW(figures)}

Measured on ${environment.processor}, ${environment.cores} cores, Node ${environment.node}.

${table(rows)}

## Against the aims

At least libwebrtc's score in every row, and no more added delay than it in the clean, 5 % and jitter rows. Scores within
${SAME_SCORE} and delays within ${SAME_DELAY_MS} ms of each other count as the same.

${rows.map(verdict).join("\n")}

## An hour of clock drift

Our receiver alone, on simulated time (\`npm run bench -- receiver\`), scored in six windows of 10 s over the hour.

${hours(figures.hours)}
`;
}

const HOW = ({ seconds, roundTripMs, expectedLossPercent }: QualityFigures) =>
  `One speaker (Troupe, 16 kHz speech of two flite voices, Opus VOIP at 32 kbit/s, 20 ms, in-band FEC, ${expectedLossPercent} % loss
expected) sends through the stage to two receivers, each in a process of its own: ours, and libwebrtc's as Sora's official
Python SDK has it (\`SoraAudioStreamSink\` at 16 kHz). A \`NetworkLink\` before each loses and delays by seed, stream and
sequence number, so both are to make the best of the very same packets. Every row begins with fresh receivers, 5 s of warm-up
that do not count, and then ${seconds} s that do.

- **Path**: 20 ms each way beside what the row adds, on the way to the receivers; a round trip of ${roundTripMs} ms. The stage
  negotiates NACK with both and answers it with the packet itself (no RTX). A retransmission is lost and delayed like any
  packet, by a coin of its own each time it is sent. Bursts do not hit it twice. Feedback is not lost. STUN and DTLS are
  never lost.
- **Bursts**: five packets in a row, beginning at each packet with a chance of 1 %. **Jitter**: each packet takes up to so
  much longer, evenly spread, and none overtakes another.
- **score**: ViSQOL (speech mode, 1 to 5; visqol-python 3.8.0), the mean over pieces of 10 s that are aligned by
  cross-correlation, and the worst piece. **concealed**: \`concealedSamples\` of \`totalSamplesReceived\` by the receiver's own
  statistics. **gaps**: silences of more than 20 ms where the speech has none, from the recording.
- **added delay**: from the moment at which the unimpaired path would have delivered a packet to the callback that has its
  first sample, by cross-correlation second by second. It holds jitter buffer, decoder (Opus itself: 6.5 ms), and the wait for
  the next frame of 10 ms.
- **machine late**: by how much the machine itself held a packet up at most. Beyond 10 ms, half a packet, other work was
  running and the row is void: it says more about the machine than about the receivers. Run it again when nothing else runs.`;

function table(rows: readonly QualityRowFigures[]): string {
  const header = ["row", "receiver", ...COLUMNS.map(([title]) => title), "machine late, ms"];
  const lines = rows.flatMap(({ name, machineLateMs, isVoid, troupe, libwebrtc }) => [
    [
      name,
      "Troupe",
      ...COLUMNS.map(([, show]) => show(troupe)),
      `${machineLateMs.toFixed(0)}${isVoid ? ", void" : ""}`,
    ],
    ["", "libwebrtc", ...COLUMNS.map(([, show]) => show(libwebrtc)), ""],
  ]);
  return markdown(header, lines);
}

function hours(figures: readonly HourFigures[]): string {
  return markdown(
    [
      "row",
      "score",
      "worst",
      "concealed, %",
      "gaps",
      "added delay at first, ms",
      "at last, ms",
      "times real time",
    ],
    figures.map((hour) => [
      hour.name,
      hour.score.toFixed(2),
      hour.worstScore.toFixed(2),
      hour.concealedPercent.toFixed(2),
      String(hour.gaps),
      hour.firstDelayMs.toFixed(0),
      hour.lastDelayMs.toFixed(0),
      String(hour.speed),
    ]),
  );
}

function verdict({ name, isVoid, machineLateMs, troupe, libwebrtc }: QualityRowFigures): string {
  if (isVoid) return `- ${name}: void, the machine was late by ${machineLateMs.toFixed(0)} ms`;
  const parts: string[] = [];
  const score = troupe.score - libwebrtc.score;
  parts.push(
    score < -SAME_SCORE
      ? `score lost by ${(-score).toFixed(2)}`
      : score > SAME_SCORE
        ? `score won by ${score.toFixed(2)}`
        : "score the same",
  );
  if (DELAY_ROWS.test(name)) {
    const delay = troupe.addedDelayMs.p50 - libwebrtc.addedDelayMs.p50;
    parts.push(
      delay > SAME_DELAY_MS
        ? `delay lost by ${delay.toFixed(0)} ms`
        : delay < -SAME_DELAY_MS
          ? `delay won by ${(-delay).toFixed(0)} ms`
          : "delay the same",
    );
  }
  return `- ${name}: ${parts.join(", ")}`;
}

function markdown(header: readonly string[], lines: readonly (readonly string[])[]): string {
  return [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
