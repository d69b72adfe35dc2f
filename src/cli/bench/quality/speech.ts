import { FliteVoice } from "../../../speech/index.ts";

/** Hz of everything that is said, heard and compared. */
export const SAMPLE_RATE = 16_000;

const SENTENCES = [
  "The morning train to the coast leaves at seven, and it is never late.",
  "She put three green apples and a loaf of bread into the basket.",
  "A storm is coming up behind the hills, so we should close the windows.",
  "He asked for the price of two tickets and counted the coins in his hand.",
  "The old bridge was painted red again after the long winter.",
  "Please bring the heavy box upstairs and leave it beside the door.",
  "They walked along the river until the lights of the town went out.",
  "My neighbour grows tomatoes, beans and yellow flowers on her roof.",
];
const PAUSE_MS = 250;

/** Speech of two voices in turn, without an end but `seconds`: mono at 16 kHz, the same at every run. */
export async function makeSpeech(seconds: number): Promise<Int16Array> {
  const voices = [new FliteVoice({ voice: "slt" }), new FliteVoice({ voice: "rms" })];
  const pieces: Int16Array[] = [];
  for (const [index, sentence] of SENTENCES.entries()) {
    for await (const frame of voices[index % 2]!.speak(sentence)) pieces.push(frame.pcm.slice());
    pieces.push(new Int16Array((SAMPLE_RATE * PAUSE_MS) / 1000));
  }
  const pcm = new Int16Array(seconds * SAMPLE_RATE);
  for (let at = 0, piece = 0; at < pcm.length; piece = (piece + 1) % pieces.length) {
    const part = pieces[piece]!.subarray(0, pcm.length - at);
    pcm.set(part, at);
    at += part.length;
  }
  return pcm;
}
