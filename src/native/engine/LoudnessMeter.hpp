#pragma once

#include <ebur128.h>

#include <cstdint>
#include <span>

namespace troupe {

/** Loudness by EBU R 128 (https://tech.ebu.ch/publications/r128), by libebur128. */
class LoudnessMeter {
 public:
  struct Figures {
    /** LUFS over 400 ms, 3 s, and all of it with its gates; -infinity for silence. */
    double momentary = 0;
    double shortTerm = 0;
    double integrated = 0;
    /** LU */
    double range = 0;
    /** dBTP */
    double truePeak = 0;
  };

  LoudnessMeter(int rateHz, int channels);
  ~LoudnessMeter();
  LoudnessMeter(const LoudnessMeter&) = delete;
  LoudnessMeter& operator=(const LoudnessMeter&) = delete;

  void add(std::span<const int16_t> samples);
  Figures figures() const;
  int channels() const { return channels_; }

 private:
  const int channels_;
  ebur128_state* state_;
};

}  // namespace troupe
