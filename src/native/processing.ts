/** A C++ object that this side only holds; the garbage collector frees it. */
export interface NativeObject {
  readonly nativeObject: never;
}

export type ResamplerQuality = "quick" | "low" | "medium" | "high" | "veryHigh";

/** What an audio processor does; all off when left out. */
export interface ProcessingOptions {
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  gainControl?: boolean;
  highPassFilter?: boolean;
}

/** Figures by EBU R 128: LUFS (-Infinity for silence), LU for the range, dBTP for the peak. */
export interface Loudness {
  /** Over the last 400 ms. */
  momentary: number;
  /** Over the last 3 s. */
  shortTerm: number;
  /** Over everything, with the gates of the standard. */
  integrated: number;
  /** Loudness range. */
  range: number;
  /** The highest true peak of any channel. */
  truePeak: number;
}

/** An Ogg Opus file whose channels are encoded apart. */
interface OggOpusOptions {
  /** Hz: 8000, 12000, 16000, 24000 or 48000. */
  sampleRate: number;
  channels: number;
  /** Of each channel, in bit/s. */
  bitRate: number;
  /** 0 to 10 */
  complexity: number;
  /** Length of a packet: 10, 20, 40 or 60; 20 when left out. */
  frameMs?: number;
  /** `audio` when left out. */
  application?: "voip" | "audio" | "lowdelay";
  /** Whether each packet has a page of its own, for whoever listens while it is written. */
  pagePerPacket?: boolean;
}

/** The part of the addon that processes audio when it is called, and filters for the engine. PCM is interleaved. */
export interface ProcessingBinding {
  resamplerCreate(options: {
    inputRate: number;
    outputRate: number;
    channels: number;
    quality: ResamplerQuality;
  }): NativeObject;
  resamplerPush(resampler: NativeObject, pcm: Int16Array): Int16Array;
  resamplerFlush(resampler: NativeObject): Int16Array;

  processorCreate(options: ProcessingOptions): NativeObject;
  /** 10 ms, in place. */
  processorProcess(processor: NativeObject, pcm: Int16Array, sampleRate: number, channels: number): void;
  processorProcessReverse(
    processor: NativeObject,
    pcm: Int16Array,
    sampleRate: number,
    channels: number,
  ): void;
  processorSetStreamDelay(processor: NativeObject, delayMs: number): void;

  /** Brings sums down to 16 bits without delay. */
  limiterCreate(options: { sampleRate: number; channels: number }): NativeObject;
  limiterProcess(limiter: NativeObject, sums: Int32Array): Int16Array;

  loudnessCreate(options: { sampleRate: number; channels: number }): NativeObject;
  loudnessAdd(meter: NativeObject, pcm: Int16Array): void;
  loudnessFigures(meter: NativeObject): Loudness;

  oggOpusCreate(options: OggOpusOptions): NativeObject;
  /** Encodes on the thread pool; the bytes belong behind those of the call before. Await each call. */
  oggOpusWrite(file: NativeObject, pcm: Int16Array): Promise<Uint8Array>;
  oggOpusFinish(file: NativeObject): Promise<Uint8Array>;

  /** Loads a shared library with LiveKit's audio filter functions. */
  audioFilterLoad(path: string, dependencies: string[]): NativeObject;
  /** Calls the library's on_load with JSON on the thread pool. */
  audioFilterOnLoad(filter: NativeObject, options: string): Promise<Uint8Array>;
  audioFilterUpdateToken(filter: NativeObject, url: string, token: string): void;

  /** Producers that are another producer through a filter; closed by producerClose. */
  filterCreateProcessor(options: ProcessingOptions & { streamDelayMs?: number }): number;
  filterCreatePlugin(
    filter: NativeObject,
    format: { sampleRate: number; channels: number },
    options: string,
    streamInfo: string,
  ): number;
  /** 0 lets go. */
  filterBind(filter: number, producer: number): void;
  filterBindReverse(filter: number, producer: number): void;
}
