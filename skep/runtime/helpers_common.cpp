// Helpers that belong to no map and no packet: time, random numbers, identity, checksums, loops, tail calls.
#include <algorithm>
#include <cstring>

#include "skep/image/limits.h"
#include "skep/runtime/checksum.h"
#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"
#include "skep/runtime/user_memory.h"

namespace skep::runtime {

using image::RunContext;
using std::uint64_t;

namespace {

// What the run's Inputs answer, as a helper.
template <auto read>
uint64_t input(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  return (ctx->inputs->*read)();
}
uint64_t get_smp_processor_id(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  return ctx->cpu;
}
// One node: the CPUs that runs lease are not tied to the machine's.
uint64_t get_numa_node_id(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, RunContext*) { return 0; }
uint64_t get_current_comm(uint64_t to, uint64_t size, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  auto* out = at<char>(to);
  auto room = static_cast<std::uint32_t>(size);
  if (room == 0) return r0(-EINVAL);
  std::string_view comm = ctx->inputs->comm();
  std::memset(out, 0, room);
  std::memcpy(out, comm.data(), std::min<std::size_t>(comm.size(), room - 1));
  return 0;
}

uint64_t tail_call(uint64_t, uint64_t map, uint64_t index_, uint64_t, uint64_t, RunContext* ctx) {
  auto* array = at<image::MapDescriptor>(map);
  auto index = static_cast<std::uint32_t>(index_);
  if (array->type != uapi::MapType::prog_array) {
    ctx->fault = "bpf_tail_call takes a program array";
    return r0(-EINVAL);
  }
  if (index >= array->max_entries) return r0(-EINVAL);
  if (ctx->tail_calls >= image::max_tail_calls) return r0(-EINVAL);
  const image::Image* target = __atomic_load_n(array->targets + index, __ATOMIC_ACQUIRE);
  if (!target) return r0(-EINVAL);
  ctx->tail_calls++;  // an empty slot does not count (the kernel's JITs, since 6.12)
  if (ctx->regions)
    for (image::MapDescriptor* m : target->maps) cpu_of(ctx).admit(*m);
  ctx->tail_target = target;
  return 0;
}

uint64_t csum_diff(uint64_t from, uint64_t from_size_, uint64_t to, uint64_t to_size_, uint64_t seed,
                   RunContext*) {
  auto from_size = static_cast<std::uint32_t>(from_size_), to_size = static_cast<std::uint32_t>(to_size_);
  auto sum = static_cast<std::uint32_t>(seed);
  // Which of the two zeros comes out depends on the order.
  if (to_size) {
    sum = sum_bytes(at<std::uint8_t>(to), to_size, sum);
    if (from_size) sum = sum_sub(sum, sum_bytes(at<std::uint8_t>(from), from_size, 0));
  } else if (from_size) {
    sum = ~sum_bytes(at<std::uint8_t>(from), from_size, ~sum);
  }
  // Folded to 16 bits on every machine, and of any size, since 6.13.
  return static_cast<std::uint16_t>(~sum_fold(sum));
}

uint64_t loop(uint64_t count_, uint64_t callback, uint64_t callback_ctx, uint64_t flags, uint64_t,
              RunContext* ctx) {
  auto count = static_cast<std::uint32_t>(count_);
  if (flags) return r0(-EINVAL);
  if (count > image::max_loops) return r0(-E2BIG);
  for (std::uint32_t i = 0; i < count; i++) {
    uint64_t stop = ctx->call_function(ctx, callback, i, callback_ctx, 0, 0, 0);
    if (stop || ctx->fault) return i + 1;
  }
  return count;
}

// Kernel and user memory are the memory of this process; what is not there reads as a failure, and the
// target is zeroed as the kernel does.
uint64_t probe_read(uint64_t to, uint64_t size, uint64_t from, uint64_t, uint64_t, RunContext*) {
  auto bytes = static_cast<std::uint32_t>(size);
  if (copy_guarded(at<void>(to), at<void>(from), bytes)) return 0;
  std::memset(at<void>(to), 0, bytes);
  return r0(-EFAULT);
}

uint64_t probe_read_str(uint64_t to, uint64_t size, uint64_t from, uint64_t, uint64_t, RunContext*) {
  auto room = static_cast<std::uint32_t>(size);
  if (room == 0) return 0;
  auto* out = at<char>(to);
  long length = UserMemory().read_string(out, from, room);
  if (length == -EFAULT) {
    std::memset(out, 0, room);
    return r0(-EFAULT);
  }
  if (length < 0) {  // cut, and ended by force
    out[room - 1] = 0;
    return room;
  }
  return r0(length + 1);
}

constexpr HelperEntry table[] = {
    {4, "probe_read", probe_read},
    {5, "ktime_get_ns", input<&image::Inputs::ktime_ns>},
    {7, "get_prandom_u32", input<&image::Inputs::prandom>},
    {8, "get_smp_processor_id", get_smp_processor_id},
    {12, "tail_call", tail_call},
    {14, "get_current_pid_tgid", input<&image::Inputs::pid_tgid>},
    {15, "get_current_uid_gid", input<&image::Inputs::uid_gid>},
    {16, "get_current_comm", get_current_comm},
    {28, "csum_diff", csum_diff},
    {42, "get_numa_node_id", get_numa_node_id},
    {45, "probe_read_str", probe_read_str},
    {112, "probe_read_user", probe_read},
    {113, "probe_read_kernel", probe_read},
    {114, "probe_read_user_str", probe_read_str},
    {115, "probe_read_kernel_str", probe_read_str},
    {118, "jiffies64", input<&image::Inputs::jiffies>},
    {125, "ktime_get_boot_ns", input<&image::Inputs::boot_ns>},
    {160, "ktime_get_coarse_ns", input<&image::Inputs::coarse_ns>},
    {181, "loop", loop},
    {208, "ktime_get_tai_ns", input<&image::Inputs::tai_ns>},
};

}  // namespace

std::span<const HelperEntry> common_helpers() { return table; }

image::HelperFn find_helper_fn(std::uint32_t id, uapi::ProgType type) {
  auto find = [&](std::span<const HelperEntry> entries) -> image::HelperFn {
    for (const HelperEntry& entry : entries)
      if (entry.id == id) return entry.fn;
    return nullptr;
  };
  // What a type has of its own goes first.
  if (type == uapi::ProgType::flow_dissector)
    if (auto fn = find(flow_dissector_helpers())) return fn;
  if (type == uapi::ProgType::xdp) {
    if (auto fn = find(xdp_helpers())) return fn;
  } else {
    for (auto entries : {skb_helpers(), skb_header_helpers(), checksum_helpers()})
      if (auto fn = find(entries)) return fn;
  }
  for (auto entries : {map_helpers(), ringbuf_helpers(), common_helpers(), text_helpers(), redirect_helpers(),
                       dynptr_helpers(), event_helpers(), lookup_helpers()})
    if (auto fn = find(entries)) return fn;
  return nullptr;
}

}  // namespace skep::runtime
