// BPF_PROG_LOAD: the kernel's checks of the attr, then lowering. Facts: kernel/bpf/syscall.c.
#include "skep/runtime/prog_load.h"
#include "skep/uapi/prog_types.h"

#include <algorithm>
#include <cstring>

#include "skep/runtime/model.h"
#include "skep/runtime/perf_map.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

using uapi::ProgLoadAttr;
using uapi::ProgType;

namespace {

constexpr std::uint32_t insn_limit = 1'000'000;  // BPF_COMPLEXITY_LIMIT_INSNS
constexpr std::size_t license_limit = 128;

// Bits of prog_flags.
constexpr std::uint32_t known_flags = 0xff;  // BPF_F_STRICT_ALIGNMENT (1 << 0) … BPF_F_TEST_REG_INVARIANTS
constexpr std::uint32_t log_levels = 15;     // BPF_LOG_MASK

// Program types that lower and run here; the others are refused by name.
bool runs_here(ProgType type) {
  constexpr ProgType types[] = {ProgType::xdp,       ProgType::socket_filter, ProgType::sched_cls,
                                ProgType::sched_act, ProgType::cgroup_skb,    ProgType::lwt_in,
                                ProgType::lwt_out,   ProgType::lwt_xmit,      ProgType::lwt_seg6local,
                                ProgType::sk_skb,    ProgType::sk_msg,        ProgType::flow_dissector};
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

// The caller's log: text that does not fit loses its beginning (its end with BPF_LOG_FIXED), and the load
// fails with ENOSPC.
long write_log(Call& call, std::string_view text, long result) {
  const auto& attr = call.attr<ProgLoadAttr>();
  auto full = static_cast<std::uint32_t>(text.size() + 1);
  if (attr.log_level == 0) full = 0;
  if (!call.put(offsetof(ProgLoadAttr, log_true_size), full)) return -EFAULT;
  if (attr.log_level == 0 || attr.log_buf == 0) return result;
  constexpr std::uint32_t log_fixed = 8;
  bool fits = full <= attr.log_size;
  if (!fits) {
    std::size_t room = attr.log_size - 1;
    text = (attr.log_level & log_fixed) ? text.substr(0, room) : text.substr(text.size() - room);
  }
  if (!call.task.memory.write(attr.log_buf, text.data(), text.size()) ||
      !call.task.memory.put(attr.log_buf + text.size(), char{0}))
    return -EFAULT;
  return fits ? result : -ENOSPC;
}

struct Finder final : Source::Finder {
  explicit Finder(Call& c) : call(c) {}
  Call& call;

  Result<std::shared_ptr<MapObject>> by_fd(std::int32_t fd) override {
    Opened<MapObject> map = open_as<MapObject>(call.task, static_cast<std::uint32_t>(fd));
    if (!map) return fail(static_cast<int>(-map.error), "fd {} is not pointing to valid bpf_map", fd);
    return std::move(map.object);
  }
  Result<std::shared_ptr<MapObject>> by_index(std::int32_t index) override {
    const auto& attr = call.attr<ProgLoadAttr>();
    if (!attr.fd_array) return fail(EPROTO, "fd_idx without fd_array is invalid");
    std::int32_t fd;
    if (index < 0 || !call.task.memory.read(&fd, attr.fd_array + 4 * static_cast<std::uint64_t>(index), 4))
      return fail(EFAULT, "fd_array[{}] cannot be read", index);
    return by_fd(fd);
  }
};

// Records that BTF describes: `count` of `size` bytes, of which `known` are ours and the rest must be zero.
Result<Buffer> read_records(const Call& call, std::string_view what, std::uint64_t from, std::uint32_t count,
                            std::uint32_t size, std::uint32_t known) {
  constexpr std::uint32_t size_limit = 252;
  if (count == 0) return Buffer{};
  if (count > insn_limit) return fail(EINVAL, "{}: {} records are too many", what, count);
  if (size < known || size > size_limit || size % 4)
    return fail(EINVAL, "{}: record size {} must be {} to {} and a multiple of 4", what, size, known,
                size_limit);
  Buffer records(std::size_t{count} * size);
  if (!call.task.memory.read(records.data(), from, records.size()))
    return fail(EFAULT, "{}: cannot be read", what);
  for (std::uint32_t i = 0; i < count; i++)
    for (std::uint32_t at = known; at < size; at++)
      if (records[std::size_t{i} * size + at])
        return fail(E2BIG, "{}: record {} has values beyond {} bytes", what, i, known);
  return records;
}

Result<void> read_debug_info(Call& call, ProgObject& prog) {
  const auto& attr = call.attr<ProgLoadAttr>();
  if (!attr.func_info_cnt && !attr.line_info_cnt) return {};
  Opened<BtfObject> btf = open_as<BtfObject>(call.task, attr.prog_btf_fd);
  if (!btf) return fail(static_cast<int>(-btf.error), "prog_btf_fd {} is no BTF", attr.prog_btf_fd);
  prog.btf = btf.object;
  prog.func_info =
      TRY(read_records(call, "func_info", attr.func_info, attr.func_info_cnt, attr.func_info_rec_size, 8));
  prog.func_info_cnt = attr.func_info_cnt;
  prog.func_info_rec_size = attr.func_info_rec_size;
  prog.line_info =
      TRY(read_records(call, "line_info", attr.line_info, attr.line_info_cnt, attr.line_info_rec_size, 16));
  prog.line_info_cnt = attr.line_info_cnt;
  prog.line_info_rec_size = attr.line_info_rec_size;
  return add_debug_info(prog);
}

Result<void> load(Call& call, std::span<const isa::Insn> insns, ProgObject& prog) {
  const auto& attr = call.attr<ProgLoadAttr>();
  if (!runs_here(prog.image.type))
    return fail(
        EINVAL, "program type {} is not available in this runtime yet",
        uapi::find_prog_type(prog.image.type) ? uapi::find_prog_type(prog.image.type)->name : "unknown");
  Finder finder(call);
  Source source{insns, &finder};
  TRY(lower(source, prog));
  for (const auto& map : prog.maps)
    if (map->map->definition().type == uapi::MapType::prog_array && !fits_together(*map, prog))
      return fail(EINVAL, "tail_call map '{}' holds programs of another type", map->map->definition().name);
  for (std::uint32_t i = 0; i < attr.fd_array_cnt; i++) {
    auto map = TRY(finder.by_index(static_cast<std::int32_t>(i)));
    if (std::find(prog.maps.begin(), prog.maps.end(), map) == prog.maps.end()) prog.bound.push_back(map);
  }
  return read_debug_info(call, prog);
}

}  // namespace

bool fits_together(MapObject& array, const ProgObject& prog) {
  constexpr std::uint32_t has_frags = 1u << 5;  // BPF_F_XDP_HAS_FRAGS
  bool frags = prog.flags & has_frags;
  std::lock_guard lock(array.owner_lock);
  if (array.owner_type == ProgType::unspec) {
    array.owner_type = prog.image.type;
    array.owner_has_frags = frags;
    array.owner_attach_type = prog.image.attach_type;
  }
  bool tail_calls = array.map->definition().type == uapi::MapType::prog_array;
  return array.owner_type == prog.image.type && array.owner_has_frags == frags &&
         (!tail_calls || array.owner_attach_type == prog.image.attach_type);
}

static Result<void> compile(const Options& options, ProgObject& prog) {
  prog.image.trusted = options.trust_programs;
  if (!options.jit || (!prog.image.verified && !prog.image.trusted)) return {};
  Result<jit::Code> code = jit::compile(prog.image);
  // A machine without a back end has the interpreter.
  if (!code && code.error().code == EOPNOTSUPP) return {};
  if (!code) return Failure(std::move(code.error()));
  prog.code = std::move(*code);
  prog.image.native = prog.code->handle();
  own_faults();
  if (!options.perf_map.empty()) TRY(write_perf_map(*prog.code, options.perf_map));
  return {};
}

long prog_load(Call& call) {
  const auto& attr = call.attr<ProgLoadAttr>();
  if (attr.prog_flags & ~known_flags)
    return refuse(EINVAL, "BPF_PROG_LOAD: prog_flags {:#x} are unknown", attr.prog_flags & ~known_flags);
  bool log_valid = (attr.log_buf != 0) == (attr.log_size != 0) && !(attr.log_buf && attr.log_level == 0) &&
                   !(attr.log_level & ~log_levels) && attr.log_size <= (~std::uint32_t{0} >> 2);
  char license[license_limit] = {};
  if (long got = call.task.memory.read_string(license, attr.license, license_limit - 1); got == -EFAULT)
    return refuse(EFAULT, "BPF_PROG_LOAD: the license cannot be read");
  if (attr.insn_cnt == 0 || attr.insn_cnt > insn_limit)
    return refuse(E2BIG, "BPF_PROG_LOAD: insn_cnt is {}, must be 1 to {}", attr.insn_cnt, insn_limit);
  if (!valid_name(attr.prog_name))
    return refuse(EINVAL, "BPF_PROG_LOAD: prog_name must be letters, digits, '_' and '.', ended by a NUL");
  if (attr.prog_type == 0 || attr.prog_type > static_cast<std::uint32_t>(ProgType::netfilter))
    return refuse(EINVAL, "BPF_PROG_LOAD: there is no program type {}", attr.prog_type);
  if (!log_valid)
    return refuse(EINVAL, "BPF_PROG_LOAD: log_level {}, log_size {} and log_buf do not go together",
                  attr.log_level, attr.log_size);
  std::vector<isa::Insn> insns(attr.insn_cnt);
  if (!call.task.memory.read(insns.data(), attr.insns, insns.size() * sizeof(isa::Insn)))
    return refuse(EFAULT, "BPF_PROG_LOAD: the instructions cannot be read");

  auto prog = std::make_shared<ProgObject>();
  prog->image.name = attr.prog_name;
  prog->image.type = static_cast<ProgType>(attr.prog_type);
  prog->image.attach_type = static_cast<uapi::AttachType>(attr.expected_attach_type);
  prog->image.gpl = is_gpl(license);
  prog->flags = attr.prog_flags;
  prog->load_time_ns = call.state.own_inputs->boot_ns();
  if (Result<void> loaded = load(call, insns, *prog); !loaded) {
    std::string text = loaded.error().message + "\n";
    long result = refuse(std::move(loaded.error()));
    return write_log(call, text, result);
  }
  if (Result<void> compiled = compile(call.state.options, *prog); !compiled)
    return refuse(std::move(compiled.error()));
  if (long error = write_log(call, {}, 0)) return error;
  prog->id = call.state.progs.reserve();
  call.state.progs.add(prog);
  return call.task.files.add(File{prog});
}

long prog_bind_map(Call& call) {
  const auto& attr = call.attr<uapi::ProgBindMapAttr>();
  if (attr.flags) return -EINVAL;
  Opened<ProgObject> prog = open_as<ProgObject>(call.task, attr.prog_fd);
  if (!prog) return prog.error;
  Opened<MapObject> map = open_as<MapObject>(call.task, attr.map_fd);
  if (!map) return map.error;
  std::lock_guard lock(prog->bound_lock);
  auto& maps = prog->maps;
  auto& bound = prog->bound;
  if (std::find(maps.begin(), maps.end(), map.object) == maps.end() &&
      std::find(bound.begin(), bound.end(), map.object) == bound.end())
    bound.push_back(map.object);
  return 0;
}

}  // namespace skep::runtime
