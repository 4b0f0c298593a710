// The helpers that this runtime has: functions by id. What each takes and returns stands in uapi/helpers.h;
// the engine checks arguments of unverified programs against those rows before it calls.
#pragma once

#include <span>

#include "skep/image/image.h"

namespace skep::runtime {

struct HelperEntry {
  std::uint32_t id;
  std::string_view name;  // as in uapi/helpers.h; a test holds them together
  image::HelperFn fn;
};

// One table per file.
std::span<const HelperEntry> map_helpers();
std::span<const HelperEntry> ringbuf_helpers();
std::span<const HelperEntry> xdp_helpers();
std::span<const HelperEntry> skb_helpers();
std::span<const HelperEntry> skb_header_helpers();
std::span<const HelperEntry> checksum_helpers();
std::span<const HelperEntry> flow_dissector_helpers();
std::span<const HelperEntry> common_helpers();
std::span<const HelperEntry> text_helpers();
std::span<const HelperEntry> redirect_helpers();
std::span<const HelperEntry> dynptr_helpers();
std::span<const HelperEntry> event_helpers();

// Null: not available. Some ids are other functions for other program types.
image::HelperFn find_helper_fn(std::uint32_t id, uapi::ProgType type);

// A result as r0: -errno sign-extended.
inline std::uint64_t r0(long value) { return static_cast<std::uint64_t>(value); }

// Addresses in registers.
template <class T>
inline T* at(std::uint64_t address) {
  return reinterpret_cast<T*>(address);
}

}  // namespace skep::runtime
