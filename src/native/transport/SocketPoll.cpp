#include "SocketPoll.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <stdexcept>

namespace troupe::transport {

namespace {

constexpr size_t kSocketsPerTurn = 64;
// A socket that is readable and never read would keep the thread busy: ICE gave it up, so it is let go.
constexpr int kMaximumEmptyInARow = 1000;
// What is not media, handshakes above all, is read for so long; then media has its turn. What is left comes up again.
constexpr int64_t kOtherUs = 2'000;
// What a packet waits at most where they come more often than that; a tenth of a tick of the engine.
constexpr int64_t kGatherUs = 1'000;
constexpr int64_t kIntervalWeight = 8;
// A pause tells nothing about how close together packets come.
constexpr int64_t kLongestIntervalUs = 4'000;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

thread_local SocketPoll* current = nullptr;

}  // namespace

SocketPoll::SocketPoll(GMainContext* context) : context_(context) { g_main_context_set_poll_func(context, poll); }

SocketPoll::~SocketPoll() {
  if (current == this) current = nullptr;
  g_main_context_set_poll_func(context_, nullptr);
}

void SocketPoll::enter() { current = this; }

void SocketPoll::add(int socket, Readable readable) {
  if (!sockets_.add(socket)) throw std::runtime_error("a socket cannot be watched");
  watches_[socket] = std::make_shared<Watch>(Watch{std::move(readable)});
}

void SocketPoll::remove(int socket) {
  if (watches_.erase(socket) > 0) sockets_.remove(socket);
}

gint SocketPoll::poll(GPollFD* descriptors, guint count, gint timeoutMs) {
  if (current) return current->wait(descriptors, count, timeoutMs);
  return g_poll(descriptors, count, timeoutMs);
}

int SocketPoll::wait(GPollFD* descriptors, guint count, gint timeoutMs) {
  const int64_t deadlineUs = timeoutMs < 0 ? kNever : g_get_monotonic_time() + int64_t{timeoutMs} * 1000;
  polled_.assign(count, pollfd{});
  for (guint at = 0; at < count; ++at) polled_[at] = {descriptors[at].fd, static_cast<short>(descriptors[at].events), 0};
  polled_.push_back({sockets_.descriptor(), POLLIN, 0});
  int ready = 0;
  bool isMediaAlone = true;
  do {
    // While media gathers, the loop's own descriptors are waited for alone.
    const int64_t gatherUs = std::min(gatherUntilUs(), deadlineUs);
    const bool gathers = gatherUs > g_get_monotonic_time();
    ready = pollUntil(gathers ? count : count + 1, gathers ? gatherUs : deadlineUs);
    const bool hasSockets = ready >= 0 && (gathers || polled_[count].revents != 0);
    if (ready > 0 && polled_[count].revents != 0) --ready;
    polled_[count].revents = 0;
    if (hasSockets) isMediaAlone = dispatchReady();
  } while (ready == 0 && isMediaAlone && g_get_monotonic_time() < deadlineUs);
  for (guint at = 0; at < count; ++at) descriptors[at].revents = static_cast<gushort>(polled_[at].revents);
  return ready;
}

int SocketPoll::pollUntil(size_t count, int64_t deadlineUs) {
  const std::span descriptors(polled_.data(), count);
  if (deadlineUs == kNever) return pollFor(descriptors, -1);
  return pollFor(descriptors, std::max<int64_t>(deadlineUs - g_get_monotonic_time(), 0));
}

int64_t SocketPoll::gatherUntilUs() const { return meanIntervalUs_ < kGatherUs ? lastWakeUs_ + kGatherUs : 0; }

bool SocketPoll::dispatchReady() {
  std::array<int, kSocketsPerTurn> readable;
  const size_t count = sockets_.readable(readable);
  if (count == 0) return true;
  learnInterval(static_cast<int>(count));
  const auto end = readable.begin() + static_cast<std::ptrdiff_t>(count);
  const auto others = std::stable_partition(readable.begin(), end, [this](int socket) { return carriesMedia(socket); });
  bool isMediaAlone = true;
  int64_t untilUs = kNever;
  for (auto socket = readable.begin(); socket != end; ++socket) {
    if (socket == others) untilUs = g_get_monotonic_time() + kOtherUs;
    else if (untilUs != kNever && g_get_monotonic_time() > untilUs) return false;
    const auto found = watches_.find(*socket);
    if (found == watches_.end()) continue;
    // It may remove itself while it reads.
    const std::shared_ptr<Watch> watch = found->second;
    read(*socket, *watch, isMediaAlone);
  }
  return isMediaAlone;
}

void SocketPoll::read(int socket, Watch& watch, bool& isMediaAlone) {
  const Read read = watch.readable();
  isMediaAlone = isMediaAlone && read == Read::media;
  if (read != Read::nothing) {
    watch.carriesMedia = read == Read::media;
    watch.emptyInARow = 0;
  } else if (++watch.emptyInARow > kMaximumEmptyInARow) {
    remove(socket);
  }
}

bool SocketPoll::carriesMedia(int socket) const {
  const auto found = watches_.find(socket);
  return found != watches_.end() && found->second->carriesMedia;
}

void SocketPoll::learnInterval(int packets) {
  const int64_t nowUs = g_get_monotonic_time();
  const int64_t intervalUs = std::min(nowUs - lastWakeUs_, kLongestIntervalUs) / packets;
  meanIntervalUs_ += (intervalUs - meanIntervalUs_) / kIntervalWeight;
  lastWakeUs_ = nowUs;
}

}  // namespace troupe::transport
