// A hostile peer as a process of its own, for `npm run soak -- hostile`.
//
// Reads one line a round, fields apart by tabs: seed, how long to attack in ms, active or passive, 1 to damage the
// handshake, and the victim's ufrag, password, fingerprint and candidates. Writes its answer in the same way (ufrag,
// password, fingerprint, candidates), and when the round is over what was sent since the start, as JSON. Ends with its
// input.
#include <chrono>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "transport/HostilePeer.hpp"

using namespace troupe::transport;

namespace {

constexpr std::chrono::milliseconds kStep(5);
constexpr size_t kFieldsBeforeCandidates = 7;

std::vector<std::string> readFields(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, '\t');) fields.push_back(field);
  return fields;
}

void runRound(IoThread& thread, const std::vector<std::string>& fields, HostileCounts& counts) {
  const HostilePeer::Options options{.seed = static_cast<uint32_t>(std::stoul(fields[0])),
                                     .setup = fields[2] == "active" ? Setup::active : Setup::passive,
                                     .damagesHandshake = fields[3] == "1"};
  const std::chrono::milliseconds length(std::stol(fields[1]));
  TransportParameters offer;
  offer.iceUfrag = fields[4];
  offer.icePwd = fields[5];
  offer.fingerprintAlgorithm = "sha-256";
  offer.fingerprint = fields[6];
  offer.candidates.assign(fields.begin() + kFieldsBeforeCandidates, fields.end());
  std::unique_ptr<HostilePeer> peer;
  TransportParameters answer;
  thread.invoke([&] {
    peer = std::make_unique<HostilePeer>(thread, options, counts);
    answer = peer->answer(offer);
  });
  std::cout << answer.iceUfrag << '\t' << answer.icePwd << '\t' << answer.fingerprint;
  for (const std::string& candidate : answer.candidates) std::cout << '\t' << candidate;
  std::cout << std::endl;
  const auto end = std::chrono::steady_clock::now() + length;
  while (std::chrono::steady_clock::now() < end) {
    thread.invoke([&] { peer->attack(); });
    std::this_thread::sleep_for(kStep);
  }
  thread.invoke([&] {
    peer->close();
    peer.reset();
  });
  std::cout << counts.json() << std::endl;
}

}  // namespace

int main() {
  IoThread thread;
  HostileCounts counts;
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::string> fields = readFields(line);
    if (fields.size() < kFieldsBeforeCandidates) return 1;
    runRound(thread, fields, counts);
  }
  return 0;
}
