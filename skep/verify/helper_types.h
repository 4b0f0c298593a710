// What the verifier must know of helpers beyond their table row: kernel structs taken and returned,
// privileges, callbacks, bounds of results.
#pragma once

#include <cstdint>
#include <string_view>

namespace skep::verify {

enum class Callback : std::uint8_t { none, for_each_map_elem, find_vma, loop, user_ringbuf_drain, timer };
enum class SockArg : std::uint8_t { btf_or_sock, sock_only, full_socket };

struct HelperTypes {
  std::uint32_t id;
  std::string_view takes = {};    // struct behind btf_ptr arguments
  std::string_view returns = {};  // struct behind a btf_ptr result
  bool returns_trusted = false;
  SockArg sock = SockArg::btf_or_sock;  // what Arg::sock accepts
  Callback callback = Callback::none;
  bool casts_pointer = false;  // the result is the argument under another type: shares its reference
};
// Null when there is nothing to know.
const HelperTypes* helper_types(std::uint32_t id);

// May it read or write packets directly? Does it want fixed-size memory aligned to its size?
bool helper_takes_packet(std::uint32_t id);
bool helper_wants_aligned(std::uint32_t id);

// The capability that unprivileged callers lack.
enum class Needs : std::uint8_t { nothing, bpf, perfmon };
Needs helper_needs(std::uint32_t id);

}  // namespace skep::verify
