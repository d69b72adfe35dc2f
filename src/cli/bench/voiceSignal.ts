/** Pitch of the synthetic voice in Hz, and how fast it forms syllables. */
const PITCH_HZ = 120;
const SYLLABLES_PER_SECOND = 4;
const HARMONICS = 24;
/** Centre frequencies in Hz and relative strength of three vowel resonances. */
const FORMANTS = [
  [600, 1],
  [1400, 0.5],
  [2600, 0.25],
] as const;

/**
 * A voice-like signal that is the same at every run: harmonics under three formants, a syllable rhythm, and
 * breath noise between. Mono, at `sampleRate` Hz, `seconds` long.
 */
export function synthesizeVoice(sampleRate: number, seconds: number): Int16Array {
  const pcm = new Int16Array(Math.round(sampleRate * seconds));
  const weights = Array.from({ length: HARMONICS }, (_, index) => formantGain((index + 1) * PITCH_HZ));
  let noise = 1;
  for (let at = 0; at < pcm.length; at++) {
    const time = at / sampleRate;
    const envelope = Math.max(0, Math.sin(Math.PI * SYLLABLES_PER_SECOND * time)) ** 0.6;
    const pitch = PITCH_HZ * (1 + 0.06 * Math.sin(2 * Math.PI * 0.7 * time));
    let voiced = 0;
    for (let harmonic = 1; harmonic <= HARMONICS; harmonic++) {
      voiced += weights[harmonic - 1]! * Math.sin(2 * Math.PI * harmonic * pitch * time);
    }
    noise = (noise * 48_271) % 2_147_483_647;
    pcm[at] = Math.round(2_600 * envelope * voiced + 400 * (noise / 1_073_741_823 - 1));
  }
  return pcm;
}

function formantGain(hz: number): number {
  let gain = 0;
  for (const [centre, strength] of FORMANTS) gain += strength / (1 + ((hz - centre) / 160) ** 2);
  return gain;
}
