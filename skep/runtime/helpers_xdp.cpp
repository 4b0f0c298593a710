// Helpers of XDP programs: moving the packet's ends, its bytes beyond the linear part.
// Facts: net/core/filter.c.
#include <algorithm>
#include <cstring>

#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::RunContext;
using std::uint64_t;

namespace {

std::uint8_t* lowest(const image::Packet& packet) { return packet.head + xdp_frame_bytes; }

uint64_t xdp_adjust_head(uint64_t, uint64_t by, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  image::Packet& packet = ctx->packet;
  std::ptrdiff_t offset = static_cast<std::int32_t>(by);
  std::ptrdiff_t meta = packet.data - packet.meta;
  std::ptrdiff_t to = packet.data - packet.head + offset;
  if (to < lowest(packet) - packet.head + meta || to > packet.data_end - packet.head - ethernet_bytes)
    return r0(-EINVAL);
  if (meta) std::memmove(packet.meta + offset, packet.meta, static_cast<std::size_t>(meta));
  packet.meta += offset;
  packet.data += offset;
  cpu_of(ctx).packet_changed();
  return 0;
}

uint64_t xdp_adjust_meta(uint64_t, uint64_t by, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  image::Packet& packet = ctx->packet;
  std::ptrdiff_t to = packet.meta - packet.head + static_cast<std::int32_t>(by);
  std::ptrdiff_t length = packet.data - packet.head - to;
  if (to < lowest(packet) - packet.head || length < 0) return r0(-EINVAL);
  if (length % 4 || length > 255) return r0(-EACCES);
  packet.meta = packet.head + to;
  cpu_of(ctx).packet_changed();
  return 0;
}

// With frags, the packet grows inside the page of its last frag and shrinks from its end.
uint64_t adjust_frags(Cpu& cpu, std::int32_t offset) {
  if (offset >= 0) {
    Frag& last = cpu.frags[cpu.frag_count - 1];
    auto grow = static_cast<std::uint32_t>(offset);
    if (grow > frame_bytes - last.size) return r0(-EINVAL);
    std::memset(last.at + last.size, 0, grow);
    last.size += grow;
    cpu.frags_bytes += grow;
    return 0;
  }
  std::int64_t left = -std::int64_t{offset};
  if (left > static_cast<std::int64_t>(cpu.buffer_bytes()) - ethernet_bytes) return r0(-EINVAL);
  while (left && cpu.frag_count) {
    Frag& last = cpu.frags[cpu.frag_count - 1];
    auto cut = static_cast<std::uint32_t>(std::min<std::int64_t>(left, last.size));
    last.size -= cut;
    cpu.frags_bytes -= cut;
    left -= cut;
    if (last.size == 0) cpu.frag_count--;
  }
  cpu.ctx.packet.data_end -= left;
  cpu.packet_changed();
  return 0;
}

uint64_t xdp_adjust_tail(uint64_t, uint64_t by, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  image::Packet& packet = ctx->packet;
  auto offset = static_cast<std::int32_t>(by);
  Cpu& cpu = cpu_of(ctx);
  if (cpu.frag_count) return adjust_frags(cpu, offset);
  std::ptrdiff_t to = packet.data_end - packet.data + offset;
  if (to > packet.limit - packet.data || to < static_cast<std::ptrdiff_t>(ethernet_bytes)) return r0(-EINVAL);
  if (offset > 0) std::memset(packet.data_end, 0, static_cast<std::size_t>(offset));
  packet.data_end = packet.data + to;
  cpu.packet_changed();
  return 0;
}

uint64_t xdp_get_buff_len(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  return cpu_of(ctx).buffer_bytes();
}

// Copies between `with` and the packet from `offset` on, over linear part and frags.
uint64_t copy_bytes(Cpu& cpu, uint64_t offset_, std::uint8_t* with, uint64_t size_, bool into_packet) {
  auto offset = static_cast<std::uint32_t>(offset_), size = static_cast<std::uint32_t>(size_);
  if (offset > 0xffff || size > 0xffff) return r0(-EFAULT);
  if (offset + size > cpu.buffer_bytes()) return r0(-EINVAL);
  auto part = [&](std::uint8_t* at, std::uint32_t length) {
    if (offset < length && size) {
      std::uint32_t now = std::min(size, length - offset);
      std::memcpy(into_packet ? at + offset : with, into_packet ? with : at + offset, now);
      with += now;
      size -= now;
      offset = 0;
    } else {
      offset -= std::min(offset, length);
    }
  };
  image::Packet& packet = cpu.ctx.packet;
  part(packet.data, static_cast<std::uint32_t>(packet.data_end - packet.data));
  for (std::uint32_t i = 0; i < cpu.frag_count; i++) part(cpu.frags[i].at, cpu.frags[i].size);
  return 0;
}

uint64_t xdp_load_bytes(uint64_t, uint64_t offset, uint64_t to, uint64_t size, uint64_t, RunContext* ctx) {
  return copy_bytes(cpu_of(ctx), offset, at<std::uint8_t>(to), size, false);
}
uint64_t xdp_store_bytes(uint64_t, uint64_t offset, uint64_t from, uint64_t size, uint64_t, RunContext* ctx) {
  return copy_bytes(cpu_of(ctx), offset, at<std::uint8_t>(from), size, true);
}

constexpr HelperEntry table[] = {
    {44, "xdp_adjust_head", xdp_adjust_head}, {54, "xdp_adjust_meta", xdp_adjust_meta},
    {65, "xdp_adjust_tail", xdp_adjust_tail}, {188, "xdp_get_buff_len", xdp_get_buff_len},
    {189, "xdp_load_bytes", xdp_load_bytes},  {190, "xdp_store_bytes", xdp_store_bytes},
};

}  // namespace

std::span<const HelperEntry> xdp_helpers() { return table; }

}  // namespace skep::runtime
