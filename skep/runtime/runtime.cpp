// The table of commands, and what is done for each: the size rules of the attr, then the command.
#include "skep/runtime/runtime.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "skep/runtime/cpu.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

using uapi::Command;

namespace {

struct Row {
  Command command;
  std::string_view name;
  long (*run)(Call&);  // null: not available in this runtime
  std::uint32_t end;   // bytes of the attr that belong to the command
};

constexpr Row rows[] = {
    {Command::map_create, "BPF_MAP_CREATE", map_create, SKEP_ATTR_END(MapCreateAttr, excl_prog_hash_size)},
    {Command::map_lookup_elem, "BPF_MAP_LOOKUP_ELEM", map_lookup, SKEP_ATTR_END(MapElemAttr, flags)},
    {Command::map_update_elem, "BPF_MAP_UPDATE_ELEM", map_update, SKEP_ATTR_END(MapElemAttr, flags)},
    {Command::map_delete_elem, "BPF_MAP_DELETE_ELEM", map_delete, SKEP_ATTR_END(MapElemAttr, key)},
    {Command::map_get_next_key, "BPF_MAP_GET_NEXT_KEY", map_next_key, SKEP_ATTR_END(MapElemAttr, value)},
    {Command::prog_load, "BPF_PROG_LOAD", prog_load, SKEP_ATTR_END(ProgLoadAttr, keyring_id)},
    {Command::obj_pin, "BPF_OBJ_PIN", obj_pin, SKEP_ATTR_END(ObjAttr, path_fd)},
    {Command::obj_get, "BPF_OBJ_GET", obj_get, SKEP_ATTR_END(ObjAttr, path_fd)},
    {Command::prog_attach, "BPF_PROG_ATTACH", nullptr, 0},
    {Command::prog_detach, "BPF_PROG_DETACH", nullptr, 0},
    {Command::prog_test_run, "BPF_PROG_TEST_RUN", prog_test_run, SKEP_ATTR_END(ProgTestRunAttr, batch_size)},
    {Command::prog_get_next_id, "BPF_PROG_GET_NEXT_ID", prog_next_id, SKEP_ATTR_END(IdAttr, next_id)},
    {Command::map_get_next_id, "BPF_MAP_GET_NEXT_ID", map_next_id, SKEP_ATTR_END(IdAttr, next_id)},
    {Command::prog_get_fd_by_id, "BPF_PROG_GET_FD_BY_ID", prog_fd_by_id, SKEP_ATTR_END(IdAttr, id)},
    {Command::map_get_fd_by_id, "BPF_MAP_GET_FD_BY_ID", map_fd_by_id, SKEP_ATTR_END(IdAttr, open_flags)},
    {Command::obj_get_info_by_fd, "BPF_OBJ_GET_INFO_BY_FD", obj_get_info, SKEP_ATTR_END(InfoAttr, info)},
    {Command::prog_query, "BPF_PROG_QUERY", nullptr, 0},
    {Command::raw_tracepoint_open, "BPF_RAW_TRACEPOINT_OPEN", nullptr, 0},
    {Command::btf_load, "BPF_BTF_LOAD", btf_load, SKEP_ATTR_END(BtfLoadAttr, btf_token_fd)},
    {Command::btf_get_fd_by_id, "BPF_BTF_GET_FD_BY_ID", btf_fd_by_id,
     SKEP_ATTR_END(IdAttr, fd_by_id_token_fd)},
    {Command::task_fd_query, "BPF_TASK_FD_QUERY", nullptr, 0},
    {Command::map_lookup_and_delete_elem, "BPF_MAP_LOOKUP_AND_DELETE_ELEM", map_lookup_and_delete,
     SKEP_ATTR_END(MapElemAttr, flags)},
    {Command::map_freeze, "BPF_MAP_FREEZE", map_freeze, SKEP_ATTR_END(MapElemAttr, map_fd)},
    {Command::btf_get_next_id, "BPF_BTF_GET_NEXT_ID", btf_next_id, SKEP_ATTR_END(IdAttr, next_id)},
    {Command::map_lookup_batch, "BPF_MAP_LOOKUP_BATCH", map_lookup_batch, SKEP_ATTR_END(MapBatchAttr, flags)},
    {Command::map_lookup_and_delete_batch, "BPF_MAP_LOOKUP_AND_DELETE_BATCH", map_lookup_and_delete_batch,
     SKEP_ATTR_END(MapBatchAttr, flags)},
    {Command::map_update_batch, "BPF_MAP_UPDATE_BATCH", map_update_batch, SKEP_ATTR_END(MapBatchAttr, flags)},
    {Command::map_delete_batch, "BPF_MAP_DELETE_BATCH", map_delete_batch, SKEP_ATTR_END(MapBatchAttr, flags)},
    {Command::link_create, "BPF_LINK_CREATE", nullptr, 0},
    {Command::link_update, "BPF_LINK_UPDATE", nullptr, 0},
    {Command::link_get_fd_by_id, "BPF_LINK_GET_FD_BY_ID", nullptr, 0},
    {Command::link_get_next_id, "BPF_LINK_GET_NEXT_ID", nullptr, 0},
    {Command::enable_stats, "BPF_ENABLE_STATS", nullptr, 0},
    {Command::iter_create, "BPF_ITER_CREATE", nullptr, 0},
    {Command::link_detach, "BPF_LINK_DETACH", nullptr, 0},
    {Command::prog_bind_map, "BPF_PROG_BIND_MAP", prog_bind_map, SKEP_ATTR_END(ProgBindMapAttr, flags)},
    {Command::token_create, "BPF_TOKEN_CREATE", nullptr, 0},
    {Command::prog_stream_read_by_fd, "BPF_PROG_STREAM_READ_BY_FD", nullptr, 0},
    {Command::prog_assoc_struct_ops, "BPF_PROG_ASSOC_STRUCT_OPS", nullptr, 0},
};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < std::size(rows); i++)
    if (static_cast<std::size_t>(rows[i].command) != i || rows[i].end > attr_size) return false;
  return true;
}
static_assert(rows_are_in_order());

constexpr std::uint32_t attr_limit = 4096;

}  // namespace

bool valid_name(const char (&name)[uapi::obj_name_len]) {
  for (char c : name) {
    if (c == 0) return true;
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.') return false;
  }
  return false;
}

Runtime::State::State() = default;
Runtime::State::~State() = default;

void Runtime::State::watch_runs() {
  if (options.time_limit_ns == 0) return;
  std::call_once(watched, [this] { watchdog = std::make_unique<Watchdog>(cpus, options.time_limit_ns); });
}

Runtime::Runtime(std::unique_ptr<State> state) : state_(std::move(state)) {}
Runtime::~Runtime() = default;

Result<std::unique_ptr<Runtime>> Runtime::create(const Options& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  if (options.possible_cpus > 4096)
    return fail(EINVAL, "runtime: possible_cpus is {}, must be at most 4096", options.possible_cpus);
  long machine = sysconf(_SC_NPROCESSORS_CONF);
  state->cpu_count = options.possible_cpus ? options.possible_cpus
                                           : static_cast<std::uint32_t>(std::clamp(machine, 1L, 4096L));
  state->kernel_types = std::make_unique<KernelTypesFile>(options.kernel_btf);
  state->own_inputs = options.deterministic ? seeded_inputs(options.seed) : machine_inputs();
  state->inputs = state->own_inputs.get();
  for (std::uint32_t cpu = 0; cpu < state->cpu_count; cpu++)
    state->cpus.push_back(std::make_unique<Cpu>(*state, cpu));
  return std::unique_ptr<Runtime>(new Runtime(std::move(state)));
}

long Runtime::bpf(Task& task, Command command, std::uint64_t attr, std::uint32_t size) {
  if (!Task::error().empty()) Task::set_error({});
  auto number = static_cast<std::size_t>(command);
  if (size > attr_limit) return refuse(E2BIG, "bpf: attr of {} bytes, at most {}", size, attr_limit);
  Call call{*state_, task, attr, size};
  if (size > attr_size)
    if (int zero = task.memory.all_zero(attr + attr_size, size - attr_size); zero <= 0)
      return zero < 0 ? zero : refuse(E2BIG, "bpf: attr has values beyond its {} known bytes", attr_size);
  if (!task.memory.read(call.bytes, attr, std::min(size, attr_size))) return -EFAULT;
  if (number >= std::size(rows)) return refuse(EINVAL, "bpf: there is no command {}", number);
  const Row& row = rows[number];
  if (!row.run) return refuse(EOPNOTSUPP, "{} is not available in this runtime", row.name);
  static constexpr std::uint8_t zeros[attr_size] = {};
  if (std::memcmp(call.bytes + row.end, zeros, attr_size - row.end) != 0)
    return refuse(EINVAL, "{}: the attr has values beyond the {} bytes of the command", row.name, row.end);
  return row.run(call);
}

void Runtime::on_printk(PrintkFn fn, void* user) {
  state_->printk = nullptr;
  state_->printk_user = user;
  state_->printk = fn;
}
void Runtime::set_inputs(image::Inputs* inputs) {
  state_->inputs = inputs ? inputs : state_->own_inputs.get();
}
const Options& Runtime::options() const { return state_->options; }
std::uint32_t Runtime::possible_cpus() const { return state_->cpu_count; }

}  // namespace skep::runtime
