// Helpers on the checksums of packets (struct sk_buff): fields in headers, and what the packet itself knows.
// Facts: net/core/filter.c, include/net/checksum.h, net/core/utils.c.
#include "skep/runtime/checksum.h"

#include <cstring>

#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::RunContext;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;

namespace {

constexpr uint64_t field_size_mask = 15;  // BPF_F_HDR_FIELD_MASK
constexpr uint64_t pseudo_header = 1 << 4, mark_mangled_0 = 1 << 5, mark_enforce = 1 << 6, is_ipv6 = 1 << 7;
constexpr uint16_t mangled_0 = 0xffff;

// The field at `offset`: an error, or where it is. As in the kernel, asking makes the data pointers known.
struct Field {
  long error = 0;
  std::uint8_t* at = nullptr;
  uint16_t get() const {
    uint16_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  void set(uint16_t value) const { std::memcpy(at, &value, sizeof value); }
};

Field find_field(RunContext* ctx, uint64_t offset_) {
  auto offset = static_cast<uint32_t>(offset_);
  if (offset > 0xffff || offset & 1) return {-EFAULT};
  Cpu& cpu = cpu_of(ctx);
  cpu.skb.pointers = true;
  cpu.packet_changed();
  const image::Packet& packet = ctx->packet;
  if (packet.data_end - packet.data < static_cast<std::ptrdiff_t>(offset) + 2) return {-EFAULT};
  return {0, packet.data + offset};
}

uint64_t l3_csum_replace(uint64_t, uint64_t offset, uint64_t from, uint64_t to, uint64_t flags,
                         RunContext* ctx) {
  if (flags & ~field_size_mask) return r0(-EINVAL);
  Field field = find_field(ctx, offset);
  if (field.error) return r0(field.error);
  switch (flags) {
    case 0:
      if (from) return r0(-EINVAL);
      field.set(field_add(field.get(), static_cast<uint32_t>(to)));
      return 0;
    case 2:
      field.set(field_replace16(field.get(), static_cast<uint16_t>(from), static_cast<uint16_t>(to)));
      return 0;
    case 4:
      field.set(field_replace32(field.get(), static_cast<uint32_t>(from), static_cast<uint32_t>(to)));
      return 0;
    default: return r0(-EINVAL);
  }
}

uint64_t l4_csum_replace(uint64_t, uint64_t offset, uint64_t from_, uint64_t to_, uint64_t flags,
                         RunContext* ctx) {
  if (flags & ~(field_size_mask | pseudo_header | mark_mangled_0 | mark_enforce | is_ipv6))
    return r0(-EINVAL);
  Field field = find_field(ctx, offset);
  if (field.error) return r0(field.error);
  if ((flags & mark_mangled_0) && !(flags & mark_enforce) && field.get() == 0) return 0;
  Skb& skb = cpu_of(ctx).skb;
  // The pseudo header is no part of the packet: a complete checksum has to hear of its change.
  bool follow = (flags & pseudo_header) && skb.checksum == ChecksumState::complete;
  auto from = static_cast<uint32_t>(from_), to = static_cast<uint32_t>(to_);
  switch (flags & field_size_mask) {
    case 0:
      if (from_) return r0(-EINVAL);
      field.set(field_add(field.get(), to));
      // An IPv6 address and the checksum cancel out in the packet's sum.
      if (follow && !(flags & is_ipv6)) skb.csum = ~sum_sub(to, skb.csum);
      break;
    case 2:
      from &= 0xffff;
      to &= 0xffff;
      [[fallthrough]];
    case 4:
      field.set(field_replace32(field.get(), from, to));
      if (follow) skb.csum = ~sum_add(sum_sub(~skb.csum, from), to);
      break;
    default: return r0(-EINVAL);
  }
  if ((flags & mark_mangled_0) && field.get() == 0) field.set(mangled_0);
  return 0;
}

uint64_t csum_update(uint64_t, uint64_t difference, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  constexpr long not_supported = 524;
  Skb& skb = cpu_of(ctx).skb;
  if (skb.checksum != ChecksumState::complete) return r0(-not_supported);
  return skb.csum = sum_add(skb.csum, static_cast<uint32_t>(difference));
}

uint64_t csum_level(uint64_t, uint64_t level, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  constexpr uint64_t query = 0, increase = 1, decrease = 2, reset = 3;  // BPF_CSUM_LEVEL_*
  constexpr std::uint8_t most = 3;                                      // SKB_MAX_CSUM_LEVEL
  Skb& skb = cpu_of(ctx).skb;
  bool checked = skb.checksum == ChecksumState::unnecessary;
  switch (level) {
    case query: return checked ? skb.csum_level : r0(-EACCES);
    case increase:
      if (checked) {
        if (skb.csum_level < most) skb.csum_level++;
      } else if (skb.checksum == ChecksumState::none) {
        skb.checksum = ChecksumState::unnecessary;
        skb.csum_level = 0;
      }
      return 0;
    case decrease:
      if (checked) {
        if (skb.csum_level == 0)
          skb.checksum = ChecksumState::none;
        else
          skb.csum_level--;
      }
      return 0;
    case reset:
      if (checked) {
        skb.checksum = ChecksumState::none;
        skb.csum_level = 0;
      }
      return 0;
    default: return r0(-EINVAL);
  }
}

constexpr HelperEntry table[] = {
    {10, "l3_csum_replace", l3_csum_replace},
    {11, "l4_csum_replace", l4_csum_replace},
    {40, "csum_update", csum_update},
    {135, "csum_level", csum_level},
};

}  // namespace

std::span<const HelperEntry> checksum_helpers() { return table; }

}  // namespace skep::runtime
