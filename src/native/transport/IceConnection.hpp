#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "IceAgent.hpp"
#include "IoThread.hpp"
#include "IoTimer.hpp"
#include "LocalAddresses.hpp"
#include "Types.hpp"

namespace troupe::transport {

/**
 * ICE of one transport over all its restarts. A restart on new sockets runs a second agent beside the first: datagrams
 * take the old path until the new one is up, and for a while afterwards what still comes on the old one is taken.
 * All on the I/O thread but `send`.
 */
class IceConnection {
 public:
  IceConnection(IoThread& thread, const TransportOptions& options, IceListener& listener);
  ~IceConnection();
  IceConnection(const IceConnection&) = delete;
  IceConnection& operator=(const IceConnection&) = delete;

  /** Credentials and candidates are those of the latest restart. */
  std::string localUfrag() const { return latest().agent.localUfrag(); }
  std::string localPassword() const { return latest().agent.localPassword(); }
  std::vector<std::string> localCandidates() const { return latest().agent.localCandidates(); }

  void gather() { latest().agent.gather(); }
  void setRemoteCredentials(const std::string& ufrag, const std::string& password);
  bool addRemoteCandidate(const std::string& candidate) { return latest().agent.addRemoteCandidate(candidate); }
  void endRemoteCandidates() { latest().agent.endRemoteCandidates(); }
  void setControlling(bool controlling);

  /** Throws InvalidParameters when no socket could be had; ICE is then as it was. */
  void restart(IceRestart form);
  /** Takes a restart that the far side's answer alone brought: its offer had our credentials as they are. */
  void followRestart();
  /** Whether the far side has answered a restart that has found no path yet. */
  bool isMoving() const { return next_ && next_->hasRemote; }

  void close();

  /** From any thread. False when nothing was sent. */
  bool send(const uint8_t* data, size_t size, int dscp);

  /** Of the path that datagrams take. */
  const IceAgent& agent() const { return current_->agent; }

  /** The addresses of this machine that the latest sockets are on. */
  const std::vector<std::string>& addresses() const { return latest().agent.addresses(); }
  /** The machine's own, as far as the options let them through. */
  std::vector<std::string> machineAddresses(AddressUse use) const;
  /** Whether the address that datagrams go from is none of the machine's any more. */
  bool isPathLost() const { return current_->agent.isPathLost(machineAddresses(AddressUse::keep)); }
  /** What ICE last said of the path that datagrams take. */
  IceState pathState() const { return current_->state; }

 private:
  /** An agent and who it reports to. */
  struct Path final : IceListener {
    Path(IceConnection& connection, IoThread& thread, const TransportOptions& options)
        : owner(connection), agent(thread, options, *this) {}
    void onLocalCandidate(const std::string& candidate) override { owner.onLocalCandidate(*this, candidate); }
    void onGathered() override { owner.onGathered(*this); }
    void onIceState(IceState state) override { owner.onIceState(*this, state); }
    void onSelectedPair() override {
      if (this == owner.current_.get()) owner.listener_.onSelectedPair();
    }
    void onDatagram(uint8_t* data, size_t size) override { owner.listener_.onDatagram(data, size); }
    void onRelayTlsFailed() override { owner.listener_.onRelayTlsFailed(); }

    IceConnection& owner;
    IceAgent agent;
    bool hasRemote = false;
    IceState state = IceState::fresh;
  };

  Path& latest() const { return next_ ? *next_ : *current_; }
  void onLocalCandidate(const Path& path, const std::string& candidate);
  void onGathered(const Path& path);
  void onIceState(Path& path, IceState state);
  void moveToNext();
  void endOldPath();

  IoThread& thread_;
  TransportOptions options_;
  IceListener& listener_;
  /** A sender holds what it sends by: it outlives its end here. Changed under the mutex. */
  std::shared_ptr<Path> current_;
  std::mutex currentMutex_;
  /** Of a restart on new sockets, until it is connected. */
  std::shared_ptr<Path> next_;
  /** The path before the last move; only listens. */
  std::shared_ptr<Path> old_;
  IoTimer oldPathTimer_;
};

}  // namespace troupe::transport
