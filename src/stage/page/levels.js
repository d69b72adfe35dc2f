// Levels of audio streams, drawn as a strip that moves with time: one bar for each twentieth of a second.

const BAR_MS = 50;
const BAR_PIXELS = 3;
const GAP_PIXELS = 2;
/** What the lowest bar shows, in dB relative to overload. */
const FLOOR_DECIBELS = -60;

/** 0 for silence to 1 for full scale, of a level in dB relative to overload. */
export function loudness(decibels) {
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DECIBELS));
}

/** The level of any number of streams. */
export class LevelMeter {
  #context;
  #analyser;
  #samples;
  #sources = new Set();

  constructor(context) {
    this.#context = context;
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 2048;
    this.#samples = new Float32Array(this.#analyser.fftSize);
  }

  add(stream) {
    const source = this.#context.createMediaStreamSource(stream);
    source.connect(this.#analyser);
    this.#sources.add(source);
  }

  close() {
    for (const source of this.#sources) source.disconnect();
    this.#sources.clear();
  }

  /** 0 for silence to 1 for full scale, on a scale of decibels. */
  read() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return loudness(10 * Math.log10(sum / this.#samples.length + 1e-12));
  }
}

/** A strip of levels on a canvas, in the canvas's text colour, fainter while nobody speaks. */
export class LevelStrip {
  #canvas;
  #bars = [];
  #drawnAt = 0;
  meter = null;
  speaking = false;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  draw(now) {
    if (now - this.#drawnAt < BAR_MS) return;
    this.#drawnAt = now;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const ratio = window.devicePixelRatio;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    const count = Math.floor(width / (BAR_PIXELS + GAP_PIXELS));
    this.#bars.push({ level: this.meter?.read() ?? 0, speaking: this.speaking });
    while (this.#bars.length > count) this.#bars.shift();
    while (this.#bars.length < count) this.#bars.unshift({ level: 0, speaking: false });
    this.#paint(ratio, width, height);
  }

  #paint(ratio, width, height) {
    const brush = this.#canvas.getContext("2d");
    brush.scale(ratio, ratio);
    brush.fillStyle = getComputedStyle(this.#canvas).color;
    for (const [index, { level, speaking }] of this.#bars.entries()) {
      const left = width - (this.#bars.length - index) * (BAR_PIXELS + GAP_PIXELS);
      const tall = Math.max(2, level * height);
      brush.globalAlpha = speaking ? 1 : 0.4;
      brush.beginPath();
      brush.roundRect(left, (height - tall) / 2, BAR_PIXELS, tall, BAR_PIXELS / 2);
      brush.fill();
    }
  }
}
