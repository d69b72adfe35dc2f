// What hundreds of handshakes at a time do to media on the same I/O thread. All in CPU time of that thread, so that other
// work of the machine does not matter: how long the handshakes take it in all, and how much it does at most between two
// packets of a stream that is up already.
//
//   build/addon/handshake_load [CONNECTIONS]      200 when left out; writes JSON
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "transport/Transport.hpp"

using namespace troupe;
using namespace troupe::transport;

namespace {

constexpr std::chrono::milliseconds kPacketInterval(1);
constexpr std::chrono::seconds kCalm(3);

double threadCpuMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/** One end; knows whether it can be used, and how much its thread did between packets. */
class End final : public TransportListener, public PacketReceiver {
 public:
  std::atomic<bool> isWritable{false};
  /** Of the I/O thread, or read there. */
  std::vector<double> gapsMs;

  void onCandidate(const std::string&) override {}
  void onGathered() override {}
  void onState(TransportState, const std::string&) override {}
  void onNetwork(bool) override {}
  void onChannel(uint32_t, const std::string&, const ChannelOptions&, std::shared_ptr<ChannelGauge>) override {}
  void onChannelOpen(uint32_t) override {}
  void onMessage(uint32_t, std::vector<uint8_t>, bool) override {}
  void onChannelLow(uint32_t) override {}
  void onChannelClosed(uint32_t) override {}
  void receiveRtp(const uint8_t*, size_t, int64_t) override {
    const double nowMs = threadCpuMs();
    if (lastMs_ > 0) gapsMs.push_back(nowMs - lastMs_);
    lastMs_ = nowMs;
  }
  void receiveRtcp(const uint8_t*, size_t, int64_t) override {}
  void setWritable(bool writable) override { isWritable = writable; }

 private:
  double lastMs_ = 0;
};

/** Both ends of a connection, each on a thread of its own. */
class Connection {
 public:
  Connection(IoThread& near, IoThread& far) : near_(near), far_(far) {
    TransportOptions options;
    options.controlling = true;
    TransportParameters offer, answer;
    near_.invoke([&] {
      nearTransport = std::make_shared<Transport>(near_, options, *nearEnd);
      nearTransport->attach(nearEnd);
      offer = nearTransport->localParameters();
    });
    far_.invoke([&] {
      farTransport = std::make_shared<Transport>(far_, TransportOptions{}, *farEnd);
      farTransport->attach(farEnd);
      farTransport->setRemoteParameters(offer);
      answer = farTransport->localParameters();
    });
    answer_ = std::move(answer);
  }
  ~Connection() {
    near_.invoke([&] { nearTransport->close(); });
    far_.invoke([&] { farTransport->close(); });
  }

  void begin() {
    near_.post([this] { nearTransport->setRemoteParameters(answer_); });
  }
  bool isUp() const { return nearEnd->isWritable && farEnd->isWritable; }

  std::shared_ptr<End> nearEnd = std::make_shared<End>();
  std::shared_ptr<End> farEnd = std::make_shared<End>();
  std::shared_ptr<Transport> nearTransport;
  std::shared_ptr<Transport> farTransport;

 private:
  IoThread& near_;
  IoThread& far_;
  TransportParameters answer_;
};

void waitUntil(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(kPacketInterval);
}

std::string figures(IoThread& thread, End& end) {
  std::vector<double> gaps;
  thread.invoke([&] { gaps.swap(end.gapsMs); });
  if (gaps.empty()) return "null";
  std::sort(gaps.begin(), gaps.end());
  const auto at = [&](double share) { return gaps[static_cast<size_t>(share * static_cast<double>(gaps.size() - 1))]; };
  return "{\"packets\":" + std::to_string(gaps.size()) + ",\"p50Ms\":" + std::to_string(at(0.5)) +
         ",\"p99Ms\":" + std::to_string(at(0.99)) + ",\"maximumMs\":" + std::to_string(gaps.back()) + "}";
}

double cpuMsOf(IoThread& thread) {
  double ms = 0;
  thread.invoke([&] { ms = threadCpuMs(); });
  return ms;
}

}  // namespace

int main(int count, char** arguments) {
  const int connections = count > 1 ? std::atoi(arguments[1]) : 200;
  IoThread near, far;
  Connection media(near, far);
  media.begin();
  waitUntil([&] { return media.isUp(); });
  std::atomic<bool> isOver{false};
  std::thread talker([&] {
    std::vector<uint8_t> packet(92, 0);
    packet[0] = 0x80;
    packet[1] = 111;
    for (uint16_t number = 0; !isOver; ++number) {
      packet[2] = static_cast<uint8_t>(number >> 8);
      packet[3] = static_cast<uint8_t>(number);
      media.nearTransport->sendRtp(packet.data(), packet.size());
      std::this_thread::sleep_for(kPacketInterval);
    }
  });
  std::this_thread::sleep_for(kCalm);
  const std::string calm = figures(far, *media.farEnd);
  std::vector<std::unique_ptr<Connection>> others;
  for (int number = 0; number < connections; ++number) others.push_back(std::make_unique<Connection>(near, far));
  const std::string making = figures(far, *media.farEnd);
  const double beforeMs = cpuMsOf(far);
  for (const auto& other : others) other->begin();
  waitUntil([&] { return std::all_of(others.begin(), others.end(), [](const auto& other) { return other->isUp(); }); });
  const double tookMs = cpuMsOf(far) - beforeMs;
  const std::string connecting = figures(far, *media.farEnd);
  isOver = true;
  talker.join();
  std::cout << "{\"connections\":" << connections << ",\"threadCpuMs\":" << tookMs << ",\"calm\":" << calm
            << ",\"making\":" << making << ",\"connecting\":" << connecting << "}" << std::endl;
  return 0;
}
