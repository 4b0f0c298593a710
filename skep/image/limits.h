// Numbers that all engines share, and the small rules of single instructions that more than one of them
// needs.
#pragma once

#include <cstdint>

#include "skep/image/image.h"
#include "skep/isa/op.h"

namespace skep::image {

inline constexpr unsigned max_frames = 8;             // MAX_CALL_FRAMES of the kernel
inline constexpr unsigned stack_bytes = 512;          // MAX_BPF_STACK, for each frame
inline constexpr std::uint32_t max_loops = 8U << 20;  // BPF_MAX_LOOPS: of may_goto, of bpf_loop

inline constexpr std::uint32_t max_tail_calls = 33;  // MAX_TAIL_CALL_CNT

// What a memory instruction does when its memory is not there; a fact that the verifier finds. Only images
// with a verdict (or trusted ones) carry other facts than `plain`.
enum class Access : std::uint8_t {
  plain,  // the address is good
  probe,  // loads: a bad address gives 0
  arena,  // the address is the low half of the register in the program's arena, plus off; a bad load gives 0,
          // a bad store or atomic does nothing (and fetches 0)
};

// Where the fact stands in an Inst: fields that the instruction does not use.
inline Access access_of(const Inst& inst, isa::Class action) {
  if (action == isa::Class::store_imm) return static_cast<Access>(inst.src);
  if (action == isa::Class::atomic) return static_cast<Access>(inst.imm >> 32 & 3);
  return static_cast<Access>(inst.imm & 3);
}
inline void set_access(Inst& inst, isa::Class action, Access access) {
  const auto fact = static_cast<std::uint8_t>(access);
  if (action == isa::Class::store_imm)
    inst.src = fact;
  else if (action == isa::Class::atomic)
    inst.imm = (inst.imm & 0xffff'ffff) | std::uint64_t{fact} << 32;
  else
    inst.imm = fact;
}

// The upper half of the addresses in the program's arena; 0 without one.
inline std::uint64_t arena_base(const Image& image) {
  for (const MapDescriptor* map : image.maps)
    if (map->type == uapi::MapType::arena && map->base)
      return reinterpret_cast<std::uint64_t>(map->base) & ~std::uint64_t{0xffff'ffff};
  return 0;
}

// The function whose address this is; null if it is none of the image's.
inline const Function* find_function(const Image& image, FunctionValue value) {
  std::uint64_t at = value - reinterpret_cast<std::uint64_t>(image.functions.data());
  if (at % sizeof(Function) || at / sizeof(Function) >= image.functions.size()) return nullptr;
  return image.functions.data() + at / sizeof(Function);
}

// The bytes that LD_ABS at `offset` reads: from data, or, for negative offsets, from SKF_NET_OFF and
// SKF_LL_OFF (linux/filter.h). Null if they are not all in the packet.
inline const std::uint8_t* packet_bytes(const Packet& packet, std::int32_t offset, std::uint32_t count) {
  constexpr std::int32_t net_off = -0x100000, ll_off = -0x200000;
  const std::uint8_t* from = packet.data;
  std::int64_t at = offset;
  if (offset < 0) {
    if (offset >= net_off) {
      from = packet.network_header;
      at -= net_off;
    } else if (offset >= ll_off) {
      from = packet.mac_header;
      at -= ll_off;
    } else {
      return nullptr;
    }
  }
  if (!from || from > packet.data_end) return nullptr;
  std::int64_t there = packet.data_end - from;
  return at <= there && there - at >= count ? from + at : nullptr;
}

}  // namespace skep::image
