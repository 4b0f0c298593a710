// Arguments of helpers in checked mode, judged by the helper's row alone: maps belong to the program, every
// (pointer, size) pair lies in one region with the right, keys and values have their map's sizes.
#include <fmt/format.h>

#include <cstring>

#include "skep/vm/state.h"

namespace skep::vm {
namespace {

using image::MapDescriptor;
using image::RegionKind;
using image::RunContext;
using uapi::Arg;

constexpr std::uint64_t max_size = 1ULL << 29;  // BPF_MAX_VAR_SIZ
constexpr unsigned spin_lock_bytes = 4, timer_bytes = 16, dynptr_bytes = 16, kptr_bytes = 8;
constexpr std::uint32_t map_lookup_elem = 1;

// What the argument is called in messages.
std::string_view noun(Arg arg) {
  switch (arg) {
    case Arg::none:
    case Arg::anything:
    case Arg::scalar: return "value";
    case Arg::map: return "map";
    case Arg::map_key: return "key";
    case Arg::map_value:
    case Arg::map_value_or_null:
    case Arg::uninit_map_value: return "value";
    case Arg::mem:
    case Arg::mem_or_null:
    case Arg::uninit_mem:
    case Arg::uninit_mem_or_null:
    case Arg::inout_mem:
    case Arg::inout_mem_or_null:
    case Arg::fixed_mem:
    case Arg::fixed_inout_mem:
    case Arg::fixed_uninit_mem: return "buffer";
    case Arg::size:
    case Arg::size_or_zero:
    case Arg::ringbuf_size: return "size";
    case Arg::context:
    case Arg::context_or_null: return "context";
    case Arg::spin_lock: return "spin lock";
    case Arg::timer: return "timer";
    case Arg::kptr: return "kptr";
    case Arg::dynptr:
    case Arg::uninit_dynptr: return "dynptr";
    case Arg::function: return "function";
    case Arg::stack: return "stack";
    case Arg::const_str: return "string";
    case Arg::sock:
    case Arg::sock_or_null: return "socket";
    case Arg::btf_ptr:
    case Arg::btf_ptr_or_null:
    case Arg::percpu_btf_ptr: return "kernel object";
    case Arg::ringbuf_record: return "record";
  }
  return "value";
}

class Check {
 public:
  Check(State& state, const RunContext& ctx, Place place, const image::CallTarget& target,
        const std::uint64_t* r)
      : state_(state),
        ctx_(ctx),
        place_(place),
        target_(target),
        args_(uapi::helper_form(*target.helper, place.image->type).args),
        r_(r) {}

  bool all() {
    for (unsigned i = 0; i < args_.size() && args_[i] != Arg::none; i++)
      if (!one(args_[i], i)) return false;
    return true;
  }

 private:
  bool one(Arg arg, unsigned i) {
    std::uint64_t value = r_[i + 1];
    if (value == poison) return refuse(i, FaultKind::unreadable, "holds no value");
    switch (arg) {
      case Arg::none:
      case Arg::anything:
      case Arg::scalar: return true;
      case Arg::map: return is_map(i, value);
      case Arg::map_key: return !map_ || memory(i, value, map_->key_size, false);
      case Arg::map_value_or_null:
        if (value == 0) return true;
        [[fallthrough]];
      case Arg::map_value: return !map_ || memory(i, value, map_->value_size, false);
      case Arg::uninit_map_value: return !map_ || memory(i, value, map_->value_size, true);
      case Arg::mem: return sized(i, value, false, false);
      case Arg::mem_or_null: return sized(i, value, false, true);
      case Arg::uninit_mem:
      case Arg::inout_mem: return sized(i, value, true, false);
      case Arg::uninit_mem_or_null:
      case Arg::inout_mem_or_null: return sized(i, value, true, true);
      case Arg::fixed_mem: return memory(i, value, uapi::fixed_size_of(*target_.helper, i), false);
      case Arg::fixed_inout_mem:
      case Arg::fixed_uninit_mem: return memory(i, value, uapi::fixed_size_of(*target_.helper, i), true);
      case Arg::size:
      case Arg::ringbuf_size: return is_size(i, value, 1);
      case Arg::size_or_zero: return is_size(i, value, 0);
      case Arg::context_or_null:
        if (value == 0) return true;
        [[fallthrough]];
      case Arg::context:
        return value == reinterpret_cast<std::uint64_t>(ctx_.context) ||
               refuse_pointer(i, value, "must be the program's context");
      case Arg::spin_lock: return in_value(i, value, spin_lock_bytes);
      case Arg::timer: return in_value(i, value, timer_bytes);
      case Arg::kptr: return in_value(i, value, kptr_bytes);
      case Arg::dynptr:
      case Arg::uninit_dynptr: return memory(i, value, dynptr_bytes, true);
      case Arg::function: return is_function(i, value);
      case Arg::stack:
        return value == 0 || on_stack(value) ||
               refuse_pointer(i, value, "must point to the stack or be null");
      case Arg::const_str: return is_string(i, value);
      case Arg::sock_or_null:
      case Arg::btf_ptr_or_null:
        if (value == 0) return true;
        [[fallthrough]];
      case Arg::sock:
      case Arg::btf_ptr:
      case Arg::percpu_btf_ptr:
        return find_extent(state_, ctx_, value).left > 0 ||
               refuse_pointer(i, value, "must be an object of the runtime");
      case Arg::ringbuf_record: return is_record(i, value);
    }
    return true;
  }

  bool is_map(unsigned i, std::uint64_t value) {
    for (const MapDescriptor* map : place_.image->maps)
      if (value == reinterpret_cast<std::uint64_t>(map)) {
        map_ = map;
        return true;
      }
    for (const MapDescriptor* map : state_.inner)
      if (map && value == reinterpret_cast<std::uint64_t>(map)) {
        map_ = map;
        return true;
      }
    return refuse_pointer(i, value, "must be a map of this program");
  }

  bool is_function(unsigned i, std::uint64_t value) {
    for (const image::Function& function : place_.image->functions)
      if (value == reinterpret_cast<std::uint64_t>(&function)) return true;
    return refuse_pointer(i, value, "must be a function of this program");
  }

  bool is_record(unsigned i, std::uint64_t value) {
    Extent extent = find_extent(state_, ctx_, value);
    return (extent.left > 0 && extent.kind == RegionKind::ringbuf_record && extent.before == 0) ||
           refuse_pointer(i, value, "must be the beginning of a reserved record");
  }

  bool is_size(unsigned i, std::uint64_t value, std::uint64_t least) {
    if (value >= least && value < max_size) return true;
    if (value == 0) return refuse(i, FaultKind::argument, "is 0, must be at least 1");
    return refuse(i, FaultKind::argument,
                  fmt::format("is {}, must be below {}", static_cast<std::int64_t>(value), max_size));
  }

  // A pointer whose size is the next argument.
  bool sized(unsigned i, std::uint64_t value, bool write, bool or_null) {
    if (i + 2 > 5) return true;
    std::uint64_t size = r_[i + 2];
    if (size == poison) return refuse(i + 1, FaultKind::unreadable, "holds no value");
    if (!is_size(i + 1, size, 0)) return false;
    if (size == 0 && (or_null || value != 0)) return true;
    return memory(i, value, size, write);
  }

  bool memory(unsigned i, std::uint64_t value, std::uint64_t size, bool write) {
    if (may_access(state_, ctx_, *place_.image, value, size, write)) return true;
    bool readable = write && may_access(state_, ctx_, *place_.image, value, size, false);
    std::string need =
        fmt::format("must be {} {} byte{}", size, write ? "writable" : "readable", size == 1 ? "" : "s");
    return refuse_pointer(i, value, need + (readable ? " (it is read-only)" : ""), size);
  }

  // Objects that the kernel keeps inside map values.
  bool in_value(unsigned i, std::uint64_t value, std::uint64_t size) {
    Extent extent = find_extent(state_, ctx_, value);
    if (extent.left >= size && extent.writable && extent.kind != RegionKind::stack) return true;
    return refuse_pointer(i, value, fmt::format("must be {} bytes of a map value", size), size);
  }

  bool on_stack(std::uint64_t value) const {
    Extent extent = find_extent(state_, ctx_, value);
    return extent.left > 0 && extent.kind == RegionKind::stack;
  }

  bool is_string(unsigned i, std::uint64_t value) {
    Extent extent = find_extent(state_, ctx_, value);
    if (extent.left == 0) return refuse_pointer(i, value, "must be a NUL-terminated string");
    if (std::memchr(reinterpret_cast<const void*>(value), 0, extent.left)) return true;
    return refuse(i, FaultKind::argument, fmt::format("has no NUL in its {} bytes", extent.left));
  }

  bool refuse_pointer(unsigned i, std::uint64_t value, std::string_view need, std::uint64_t size = 1) {
    // Small numbers are no pointers gone wrong.
    std::string what = value == 0     ? "is a null pointer"
                       : value < 4096 ? fmt::format("is {}", value)
                                      : "points to " + describe(state_, ctx_, value, size);
    refuse(i, FaultKind::argument, fmt::format("{}, {}", what, need));
    state_.fault.address = value;
    state_.fault.size = size;
    return false;
  }

  bool refuse(unsigned i, FaultKind kind, std::string_view why) {
    fail(state_, place_, kind,
         fmt::format("{}: argument {} ({}) {}", target_.name, i + 1, noun(args_[i]), why));
    return false;
  }

  State& state_;
  const RunContext& ctx_;
  Place place_;
  const image::CallTarget& target_;
  std::array<Arg, 5> args_;  // as this program type sees them
  const std::uint64_t* r_;
  const MapDescriptor* map_ = nullptr;  // the map argument seen last
};

}  // namespace

bool check_arguments(State& state, const RunContext& ctx, Place place, const image::CallTarget& target,
                     const std::uint64_t* r) {
  return !target.helper || Check(state, ctx, place, target, r).all();
}

void note_result(State& state, const image::CallTarget& target, std::uint64_t map, std::uint64_t result) {
  if (!result || !target.helper || target.helper->id != map_lookup_elem) return;
  const auto* outer = reinterpret_cast<const MapDescriptor*>(map);
  if (outer->type != uapi::MapType::array_of_maps && outer->type != uapi::MapType::hash_of_maps) return;
  state.inner[state.inner_next++ % State::inner_maps] = reinterpret_cast<const MapDescriptor*>(result);
}

}  // namespace skep::vm
