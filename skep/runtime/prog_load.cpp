// BPF_PROG_LOAD: the kernel's checks of the attr, then lowering. Facts: kernel/bpf/syscall.c.
#include "skep/runtime/prog_load.h"
#include "skep/uapi/prog_types.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "skep/runtime/model.h"
#include "skep/runtime/perf_map.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

using uapi::ProgLoadAttr;
using uapi::ProgType;

namespace {

// Bits of prog_flags.
constexpr std::uint32_t known_flags = 0xff;  // BPF_F_STRICT_ALIGNMENT (1 << 0) … BPF_F_TEST_REG_INVARIANTS
constexpr std::uint32_t log_levels = 15;     // BPF_LOG_MASK
constexpr std::uint32_t log_fixed = 8;       // BPF_LOG_FIXED

// Program types that lower and run here; the others are refused by name.
bool runs_here(ProgType type) {
  constexpr ProgType types[] = {ProgType::xdp,       ProgType::socket_filter, ProgType::sched_cls,
                                ProgType::sched_act, ProgType::cgroup_skb,    ProgType::lwt_in,
                                ProgType::lwt_out,   ProgType::lwt_xmit,      ProgType::lwt_seg6local,
                                ProgType::sk_skb,    ProgType::sk_msg,        ProgType::flow_dissector};
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

// What the caller's log gets. `peak` may be longer: what stood in it for a while counts as much.
struct Log {
  std::string text;
  std::uint64_t peak = 0;
  void add(std::string_view line) { text.append(line).push_back('\n'); }
};

// The caller's log: text that does not fit loses its beginning (its end with BPF_LOG_FIXED). A buffer in
// which it never fit as a whole fails the load with ENOSPC.
long write_log(Call& call, const Log& log, long result) {
  const auto& attr = call.attr<ProgLoadAttr>();
  std::string_view text = log.text;
  auto full = static_cast<std::uint32_t>(std::max<std::uint64_t>(text.size(), log.peak) + 1);
  if (attr.log_level == 0) full = 0;
  if (!call.put(offsetof(ProgLoadAttr, log_true_size), full)) return -EFAULT;
  if (attr.log_level == 0 || attr.log_buf == 0) return result;
  bool fits = full <= attr.log_size;
  if (std::size_t room = attr.log_size - 1; text.size() > room) {
    text = (attr.log_level & log_fixed) ? text.substr(0, room) : text.substr(text.size() - room);
  }
  if (!call.task.memory.write(attr.log_buf, text.data(), text.size()) ||
      !call.task.memory.put(attr.log_buf + text.size(), char{0}))
    return -EFAULT;
  return fits ? result : -ENOSPC;
}

// What the descriptors of the call stand for, to the model and to the image.
struct Finder final : Descriptors {
  explicit Finder(Call& c) : call(c) {}
  Call& call;
  // As the verifier sees them: one for each map, however often it is named.
  std::vector<std::pair<std::shared_ptr<MapObject>, std::shared_ptr<const KeptMap>>> described{};
  std::optional<Error> problem{};  // the first descriptor of no map that the program names

  std::shared_ptr<const KeptMap> map(int fd) override {
    Opened<MapObject> found = open_as<MapObject>(call.task, static_cast<std::uint32_t>(fd));
    if (!found && !problem)
      problem =
          Error{static_cast<int>(-found.error), fmt::format("fd {} is not pointing to valid bpf_map", fd)};
    if (!found) return nullptr;
    for (const auto& [object, kept] : described)
      if (object == found.object) return kept;
    return described.emplace_back(found.object, describe(*found.object)).second;
  }
  std::shared_ptr<const KeptBtf> btf(int fd) override {
    Opened<BtfObject> found = open_as<BtfObject>(call.task, static_cast<std::uint32_t>(fd));
    return found ? found->kept : nullptr;
  }
  std::shared_ptr<const KeptModel> program(int fd) override {
    Opened<ProgObject> found = open_as<ProgObject>(call.task, static_cast<std::uint32_t>(fd));
    return found ? found->model : nullptr;
  }
  int fd_array(std::int32_t index) override {
    const auto& attr = call.attr<ProgLoadAttr>();
    std::int32_t fd = -1;
    if (!attr.fd_array && !problem) problem = Error{EPROTO, "fd_idx without fd_array is invalid"};
    bool read = attr.fd_array && index >= 0 &&
                call.task.memory.read(&fd, attr.fd_array + 4 * static_cast<std::uint64_t>(index), 4);
    if (!read && !problem) problem = Error{EFAULT, fmt::format("fd_array[{}] cannot be read", index)};
    return read ? fd : -1;
  }

  // The maps in the order of the model's; null for templates of inner maps.
  std::vector<std::shared_ptr<MapObject>> objects_of(const KeptModel& model) const {
    std::vector<std::shared_ptr<MapObject>> out;
    for (const auto& kept : model.maps) {
      auto found =
          std::find_if(described.begin(), described.end(), [&](auto& d) { return d.second == kept; });
      out.push_back(found == described.end() ? nullptr : found->first);
    }
    return out;
  }
};

Surroundings surroundings(const Call& call) {
  Surroundings around;
  around.kernel_btf = call.state.kernel_types.get();
  around.version = call.state.options.version;
  around.cpus = call.state.cpu_count;
  return around;
}

// Where a refusal points: "insn 12 (xdp.c:17)".
std::string place_of(const KeptModel& model, isa::Slot slot) {
  const verify::ProgModel& prog = model.model.prog;
  auto after = std::upper_bound(prog.lines.begin(), prog.lines.end(), slot,
                                [](isa::Slot s, const verify::LineInfo& line) { return s < line.slot; });
  if (!prog.btf || after == prog.lines.begin() || (--after)->file_off >= prog.btf->string_end())
    return fmt::format("insn {}", slot);
  return fmt::format("insn {} ({}:{})", slot, prog.btf->string(after->file_off), after->line_col >> 10);
}

// Asks the verifier. What it says goes to `log`; `facts` stay empty when nobody asked.
Result<void> judge(const Call& call, ProgObject& prog, Log& log, std::vector<verify::InsnFacts>& facts) {
  if (!call.state.options.verify) return {};
  verify::Options options;
  options.log_level = call.attr<ProgLoadAttr>().log_level & ~log_fixed;
  verify::Verdict verdict = verify::verify(prog.model->model, options);
  log.text = std::move(verdict.log);
  log.peak = verdict.log_peak_bytes;
  if (verdict.accepted) {
    prog.verified_insns = static_cast<std::uint32_t>(verdict.stats.insns_processed);
    prog.image.verified = true;
    facts = std::move(verdict.facts);
    return {};
  }
  if (verdict.unsupported) log.add("undecided: this verifier does not judge that yet");
  Error error{verdict.code, fmt::format("{}: {}{}", place_of(*prog.model, verdict.insn),
                                        verdict.unsupported ? "undecided: " : "", verdict.reason)};
  if (std::string problem = call.state.kernel_types->problem(); !problem.empty())
    error.message += fmt::format(" (there are no kernel types: {})", problem);
  auto judged = std::make_shared<Judged>();
  judged->model = prog.model;
  judged->verdict = std::move(verdict);
  call.task.set_refusal(std::move(judged));
  return Failure(std::move(error));
}

// From the attributes to an Image. `log`: the verifier's; what is refused without it says so in the error.
Result<void> load(Call& call, ProgObject& prog, Log& log) {
  const auto& attr = call.attr<ProgLoadAttr>();
  const uapi::ProgTypeRow* row = uapi::find_prog_type(static_cast<ProgType>(attr.prog_type));
  if (row && !runs_here(row->type))
    return fail(EINVAL, "program type {} is not available in this runtime yet", row->name);
  Finder finder(call);
  prog.model = TRY(read_model(attr, call.task.memory, surroundings(call), finder));
  const verify::ProgModel& model = prog.model->model.prog;
  prog.image.name = model.name;
  prog.image.type = model.type;
  prog.image.attach_type = model.attach_type;
  prog.image.gpl = model.gpl;
  if (prog.model->request.btf_fd >= 0) prog.btf = open_as<BtfObject>(call.task, attr.prog_btf_fd).object;

  if (finder.problem) return Failure(std::move(*finder.problem));

  std::vector<verify::InsnFacts> facts;
  TRY(judge(call, prog, log, facts));
  std::vector<std::shared_ptr<MapObject>> maps = finder.objects_of(*prog.model);
  TRY(lower(Source{model.insns, maps, facts}, prog));
  for (const auto& map : prog.maps)
    if (map->map->definition().type == uapi::MapType::prog_array && !fits_together(*map, prog))
      return fail(EINVAL, "tail_call map '{}' holds programs of another type", map->map->definition().name);
  for (std::uint32_t i = 0; i < attr.fd_array_cnt; i++) {
    int fd = finder.fd_array(static_cast<std::int32_t>(i));
    if (finder.problem) return Failure(std::move(*finder.problem));
    Opened<MapObject> map = open_as<MapObject>(call.task, static_cast<std::uint32_t>(fd));
    if (!map) return fail(static_cast<int>(-map.error), "fd {} is not pointing to valid bpf_map", fd);
    if (std::find(prog.maps.begin(), prog.maps.end(), map.object) == prog.maps.end())
      prog.bound.push_back(std::move(map.object));
  }
  return add_debug_info(prog);
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

// The JIT runs what carries a verdict; a machine without a back end has the interpreter.
static Result<void> compile(const Options& options, ProgObject& prog) {
  if (!options.jit || !prog.image.verified) return {};
  Result<jit::Code> code = jit::compile(prog.image, {.cancellable = options.time_limit_ns != 0});
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
  if (!valid_name(attr.prog_name))
    return refuse(EINVAL, "BPF_PROG_LOAD: prog_name must be letters, digits, '_' and '.', ended by a NUL");
  if (!log_valid)
    return refuse(EINVAL, "BPF_PROG_LOAD: log_level {}, log_size {} and log_buf do not go together",
                  attr.log_level, attr.log_size);

  auto prog = std::make_shared<ProgObject>();
  prog->flags = attr.prog_flags;
  prog->load_time_ns = call.state.own_inputs->boot_ns();
  call.task.set_refusal(nullptr);
  Log log;
  if (Result<void> loaded = load(call, *prog, log); !loaded) {
    // What the verifier did not say, the log says all the same.
    if (log.text.empty() || prog->image.verified) log.add(loaded.error().message);
    return write_log(call, log, refuse(std::move(loaded.error())));
  }
  if (Result<void> compiled = compile(call.state.options, *prog); !compiled)
    return refuse(std::move(compiled.error()));
  if (prog->image.verified) call.state.watch_runs();
  if (long error = write_log(call, log, 0)) return error;
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
