#include "ConsentRevocation.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

namespace troupe::transport {

namespace {

// Offsets into a datagram with its UDP header of 8 bytes, as a filter sees it (RFC 8489, sections 5, 14 and 14.8).
constexpr uint32_t kStunType = 8;
constexpr uint32_t kFirstAttributeType = 28;
constexpr uint32_t kErrorClassAndNumber = 34;
constexpr uint32_t kBindingError = 0x0111;
constexpr uint32_t kErrorCode = 0x0009;
constexpr uint32_t kForbidden = 0x0403;

}  // namespace

void dropConsentRevocations(int socket) {
  // A load beyond the datagram drops it; nothing that is for us is as short as that.
  std::array<sock_filter, 9> program{{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kStunType),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kBindingError, 0, 5),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kFirstAttributeType),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kErrorCode, 0, 4),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kErrorClassAndNumber),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x07ff),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kForbidden, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

}  // namespace troupe::transport
