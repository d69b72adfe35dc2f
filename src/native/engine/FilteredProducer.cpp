#include "FilteredProducer.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

FilteredProducer::~FilteredProducer() { disconnect(); }

void FilteredProducer::bind(std::shared_ptr<Producer> upstream) {
  disconnect();
  upstream_ = std::move(upstream);
  if (upstream_) format_ = filter_->formatFor(upstream_->preferredFormat());
  connect();
}

void FilteredProducer::bindReverse(std::shared_ptr<Producer> reverse) {
  disconnect();
  reverse_ = std::move(reverse);
  connect();
}

void FilteredProducer::removeProducer(const Producer* producer) {
  if (upstream_.get() == producer) bind(nullptr);
  if (reverse_.get() == producer) bindReverse(nullptr);
}

void FilteredProducer::appendUpstreams(std::vector<Producer*>& out) const {
  if (upstream_) out.push_back(upstream_.get());
  if (reverse_) out.push_back(reverse_.get());
}

void FilteredProducer::outputsChanged() {
  if (isPulled()) connect();
  else disconnect();
}

void FilteredProducer::connect() {
  if (!isPulled() || !upstream_ || input_ != nullptr) return;
  silence_.format = format_;
  silence_.samples.fill(0);
  input_ = upstream_->open(format_);
  if (reverse_) reverseInput_ = reverse_->open(format_);
}

void FilteredProducer::disconnect() {
  if (input_ != nullptr) upstream_->close(std::exchange(input_, nullptr));
  if (reverseInput_ != nullptr) reverse_->close(std::exchange(reverseInput_, nullptr));
}

bool FilteredProducer::produce(const Tick& tick, PcmFrame& frame) {
  if (input_ == nullptr) return false;
  feedReverse(tick);
  const PcmFrame* heard = upstream_->pull(*input_, tick);
  if (heard == nullptr && !filter_->wantsSilence()) return false;
  frame = heard != nullptr ? *heard : silence_;
  filter_->process(frame);
  return heard != nullptr;
}

void FilteredProducer::feedReverse(const Tick& tick) {
  if (reverseInput_ == nullptr) return;
  const PcmFrame* played = reverse_->pull(*reverseInput_, tick);
  filter_->processReverse(played != nullptr ? *played : silence_);
}

}  // namespace troupe
