// Runs in the page before its own scripts: what it plays, and what it has drawn.
{
  const analysers = new Map();
  const connectNode = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    const { context } = this;
    if (target === context.destination) {
      if (!analysers.has(context)) {
        const analyser = context.createAnalyser();
        analyser.fftSize = 8192;
        analysers.set(context, analyser);
      }
      connectNode.call(this, analysers.get(context));
    }
    return connectNode.call(this, target, ...rest);
  };

  /** Hz of the loudest part of what the page plays, and its level in dB relative to overload. */
  globalThis.heard = () => {
    const best = { frequency: 0, decibels: -200 };
    for (const [context, analyser] of analysers) {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      for (const [index, decibels] of bins.entries()) {
        if (decibels <= best.decibels) continue;
        best.decibels = decibels;
        best.frequency = (index * context.sampleRate) / analyser.fftSize;
      }
    }
    return best;
  };

  /** Whether a bar of a strip of levels is higher than that of silence. */
  globalThis.isPainted = (canvas) => {
    const line = Math.round(canvas.height * 0.3);
    const { data } = canvas.getContext("2d").getImageData(0, line, Math.max(1, canvas.width), 1);
    return data.some((value) => value > 0);
  };
}
