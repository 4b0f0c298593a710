// Helpers on dynptrs. Those that reserve and submit ring buffer records by dynptr stand with the ring
// buffer's.
#include "skep/runtime/dynptr.h"

#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::RunContext;
using std::uint64_t;

namespace {

std::uint32_t u32(uint64_t value) { return static_cast<std::uint32_t>(value); }

uint64_t out_of_reach(RunContext* ctx) {
  ctx->fault = "the dynptr's memory is not the program's";
  return r0(-EFAULT);
}

uint64_t dynptr_from_mem(uint64_t data, uint64_t size, uint64_t flags, uint64_t to, uint64_t,
                         RunContext* ctx) {
  if (u32(size) > Dynptr::size_limit || flags) {
    Dynptr{}.store(to);
    return r0(u32(size) > Dynptr::size_limit ? -E2BIG : -EINVAL);
  }
  if (!may_reach(ctx, data, u32(size), true)) {
    ctx->fault = "bpf_dynptr_from_mem takes the memory of a map value";
    return r0(-EFAULT);
  }
  Dynptr::make(data, Dynptr::Kind::local, u32(size)).store(to);
  return 0;
}

uint64_t dynptr_read(uint64_t to, uint64_t length, uint64_t from, uint64_t offset, uint64_t flags,
                     RunContext* ctx) {
  Dynptr dynptr = Dynptr::load(from);
  if (!dynptr.data || flags) return r0(-EINVAL);
  if (!dynptr.covers(u32(offset), u32(length))) return r0(-E2BIG);
  uint64_t address = dynptr.address(u32(offset));
  if (!may_reach(ctx, address, u32(length), false)) return out_of_reach(ctx);
  std::memmove(at<void>(to), at<void>(address), u32(length));
  return 0;
}

uint64_t dynptr_write(uint64_t to, uint64_t offset, uint64_t from, uint64_t length, uint64_t flags,
                      RunContext* ctx) {
  Dynptr dynptr = Dynptr::load(to);
  if (!dynptr.data || dynptr.read_only()) return r0(-EINVAL);
  if (!dynptr.covers(u32(offset), u32(length))) return r0(-E2BIG);
  if (flags) return r0(-EINVAL);
  uint64_t address = dynptr.address(u32(offset));
  if (!may_reach(ctx, address, u32(length), true)) return out_of_reach(ctx);
  std::memmove(at<void>(address), at<void>(from), u32(length));
  return 0;
}

uint64_t dynptr_data(uint64_t from, uint64_t offset, uint64_t length, uint64_t, uint64_t, RunContext* ctx) {
  Dynptr dynptr = Dynptr::load(from);
  if (!dynptr.data || dynptr.read_only() || !dynptr.covers(u32(offset), u32(length))) return 0;
  uint64_t address = dynptr.address(u32(offset));
  if (may_reach(ctx, address, u32(length), true)) return address;
  out_of_reach(ctx);
  return 0;
}

constexpr HelperEntry table[] = {
    {197, "dynptr_from_mem", dynptr_from_mem},
    {201, "dynptr_read", dynptr_read},
    {202, "dynptr_write", dynptr_write},
    {203, "dynptr_data", dynptr_data},
};

}  // namespace

std::span<const HelperEntry> dynptr_helpers() { return table; }

}  // namespace skep::runtime
