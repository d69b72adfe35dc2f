#include "IceConnection.hpp"

#include <utility>

namespace troupe::transport {

namespace {

// Longer than what is still on its way when the far side learns of the new path.
constexpr int64_t kOldPathMs = 2'000;

}  // namespace

IceConnection::IceConnection(IoThread& thread, const TransportOptions& options, IceListener& listener)
    : thread_(thread),
      options_(options),
      listener_(listener),
      current_(std::make_shared<Path>(*this, thread, options)),
      oldPathTimer_(thread, [this] { endOldPath(); }) {}

IceConnection::~IceConnection() = default;

void IceConnection::setRemoteCredentials(const std::string& ufrag, const std::string& password) {
  latest().hasRemote = true;
  latest().agent.setRemoteCredentials(ufrag, password);
}

void IceConnection::setControlling(bool controlling) {
  options_.controlling = controlling;
  latest().agent.setControlling(controlling);
}

void IceConnection::restart(IceRestart form) {
  if (form == IceRestart::sameSockets) return latest().agent.restart();
  auto fresh = std::make_shared<Path>(*this, thread_, options_);
  std::shared_ptr<Path> before = std::exchange(next_, fresh);
  try {
    fresh->agent.gather();
  } catch (const InvalidParameters&) {
    next_ = std::move(before);
    fresh->agent.close();
    throw;
  }
  if (before) before->agent.close();
}

void IceConnection::followRestart() { latest().agent.restart(true); }

void IceConnection::close() {
  oldPathTimer_.cancel();
  endOldPath();
  if (next_) next_->agent.close();
  next_.reset();
  current_->agent.close();
}

bool IceConnection::send(const uint8_t* data, size_t size, int dscp) {
  std::shared_ptr<Path> path;
  {
    std::lock_guard lock(currentMutex_);
    path = current_;
  }
  return path->agent.send(data, size, dscp);
}

void IceConnection::onLocalCandidate(const Path& path, const std::string& candidate) {
  if (&path == &latest()) listener_.onLocalCandidate(candidate);
}

void IceConnection::onGathered(const Path& path) {
  if (&path == &latest()) listener_.onGathered();
}

std::vector<std::string> IceConnection::machineAddresses(AddressUse use) const {
  return listLocalAddresses(options_.addresses, options_.filter, use);
}

void IceConnection::onIceState(Path& path, IceState state) {
  path.state = state;
  if (&path == next_.get()) {
    if (state == IceState::connected) moveToNext();
    if (state == IceState::connected || state == IceState::failed) listener_.onIceState(state);
  } else if (&path == current_.get()) {
    listener_.onIceState(next_ && state == IceState::failed ? IceState::interrupted : state);
  }
}

void IceConnection::moveToNext() {
  endOldPath();
  old_ = current_;
  {
    std::lock_guard lock(currentMutex_);
    current_ = std::move(next_);
    next_.reset();
  }
  oldPathTimer_.set(kOldPathMs);
  listener_.onSelectedPair();
}

void IceConnection::endOldPath() {
  if (old_) old_->agent.close();
  old_.reset();
}

}  // namespace troupe::transport
