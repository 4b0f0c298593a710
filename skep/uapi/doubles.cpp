// The wrapping Sys: forwarding, recording, failing.
#include "skep/uapi/doubles.h"

#include "skep/uapi/commands.h"

namespace skep::uapi {

namespace {
// Commands whose result is a new descriptor.
bool opens(Command command) {
  switch (command) {
    case Command::map_create:
    case Command::prog_load:
    case Command::obj_get:
    case Command::prog_get_fd_by_id:
    case Command::map_get_fd_by_id:
    case Command::raw_tracepoint_open:
    case Command::btf_load:
    case Command::btf_get_fd_by_id:
    case Command::link_create:
    case Command::link_get_fd_by_id:
    case Command::enable_stats:
    case Command::iter_create:
    case Command::token_create: return true;
    case Command::map_lookup_elem:
    case Command::map_update_elem:
    case Command::map_delete_elem:
    case Command::map_get_next_key:
    case Command::obj_pin:
    case Command::prog_attach:
    case Command::prog_detach:
    case Command::prog_test_run:
    case Command::prog_get_next_id:
    case Command::map_get_next_id:
    case Command::obj_get_info_by_fd:
    case Command::prog_query:
    case Command::task_fd_query:
    case Command::map_lookup_and_delete_elem:
    case Command::map_freeze:
    case Command::btf_get_next_id:
    case Command::map_lookup_batch:
    case Command::map_lookup_and_delete_batch:
    case Command::map_update_batch:
    case Command::map_delete_batch:
    case Command::link_update:
    case Command::link_get_next_id:
    case Command::link_detach:
    case Command::prog_bind_map:
    case Command::prog_stream_read_by_fd:
    case Command::prog_assoc_struct_ops: return false;
  }
  return false;  // a number that no row has
}
}  // namespace

long Forwarding::bpf(Command command, void* attr, std::uint32_t size) {
  const CommandRow* row = find_command(command);
  std::string name = "bpf ";
  name += row ? row->name : "?";
  if (long refused = before(name)) return refused;
  return inner_.bpf(command, attr, size);
}
long Forwarding::close(int fd) {
  before("close");
  return inner_.close(fd);
}
long Forwarding::dup(int fd) {
  if (long refused = before("dup")) return refused;
  return inner_.dup(fd);
}
long Forwarding::read(int fd, MutableBytes into) {
  if (long refused = before("read")) return refused;
  return inner_.read(fd, into);
}
long Forwarding::map(int fd, std::uint64_t offset, std::size_t length, bool writable, void** at) {
  if (long refused = before("map")) return refused;
  return inner_.map(fd, offset, length, writable, at);
}
long Forwarding::unmap(void* at, std::size_t length) {
  before("unmap");
  return inner_.unmap(at, length);
}
long Forwarding::wait(std::span<WaitItem> items, int timeout_ms) {
  if (long refused = before("wait")) return refused;
  return inner_.wait(items, timeout_ms);
}
long Forwarding::perf_event_open(Bytes attr, int pid, int cpu, int group_fd, std::uint64_t flags) {
  if (long refused = before("perf_event_open")) return refused;
  return inner_.perf_event_open(attr, pid, cpu, group_fd, flags);
}
long Forwarding::perf_event_ioctl(int fd, std::uint64_t request, std::uint64_t argument) {
  if (long refused = before("perf_event_ioctl")) return refused;
  return inner_.perf_event_ioctl(fd, request, argument);
}
long Forwarding::xdp_attach(int ifindex, int prog_fd, XdpMode mode, int expected_fd) {
  if (long refused = before("xdp_attach")) return refused;
  return inner_.xdp_attach(ifindex, prog_fd, mode, expected_fd);
}
long Forwarding::tc_qdisc_clsact(int ifindex, bool create) {
  if (long refused = before("tc_qdisc_clsact")) return refused;
  return inner_.tc_qdisc_clsact(ifindex, create);
}
long Forwarding::tc_attach(int ifindex, TcDirection direction, int prog_fd, std::uint32_t priority,
                           std::uint32_t handle) {
  if (long refused = before("tc_attach")) return refused;
  return inner_.tc_attach(ifindex, direction, prog_fd, priority, handle);
}
long Forwarding::tc_detach(int ifindex, TcDirection direction, std::uint32_t priority, std::uint32_t handle) {
  if (long refused = before("tc_detach")) return refused;
  return inner_.tc_detach(ifindex, direction, priority, handle);
}
long Forwarding::socket_attach(int socket, int prog_fd) {
  if (long refused = before("socket_attach")) return refused;
  return inner_.socket_attach(socket, prog_fd);
}
namespace {
Failure injected(std::string_view call, long refused) {
  return fail(static_cast<int>(-refused), "{}: {}", call, base::errno_text(static_cast<int>(-refused)));
}
}  // namespace
Result<std::vector<BpffsEntry>> Forwarding::bpffs_list(const std::string& path) {
  if (long refused = before("bpffs_list")) return injected("bpffs_list", refused);
  return inner_.bpffs_list(path);
}
long Forwarding::bpffs_mkdir(const std::string& path) {
  if (long refused = before("bpffs_mkdir")) return refused;
  return inner_.bpffs_mkdir(path);
}
long Forwarding::bpffs_unlink(const std::string& path) {
  if (long refused = before("bpffs_unlink")) return refused;
  return inner_.bpffs_unlink(path);
}
Result<Buffer> Forwarding::kernel_btf(std::string_view module) {
  if (long refused = before("kernel_btf")) return injected("kernel_btf", refused);
  return inner_.kernel_btf(module);
}
Result<std::string> Forwarding::kallsyms() {
  if (long refused = before("kallsyms")) return injected("kallsyms", refused);
  return inner_.kallsyms();
}
Result<std::string> Forwarding::kconfig() {
  if (long refused = before("kconfig")) return injected("kconfig", refused);
  return inner_.kconfig();
}
// These cannot fail, so they are not announced.
KernelVersion Forwarding::kernel_version() { return inner_.kernel_version(); }
std::uint32_t Forwarding::possible_cpus() { return inner_.possible_cpus(); }

long Recorder::before(std::string_view call) {
  lines_.emplace_back(call);
  return 0;
}

long Recorder::bpf(Command command, void* attr, std::uint32_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(attr);
  Call call{command, Buffer(bytes, bytes + size), 0};
  call.result = Forwarding::bpf(command, attr, size);
  calls_.push_back(std::move(call));
  return calls_.back().result;
}

long Faulty::before(std::string_view call) {
  if (call == "close" || call == "unmap") return 0;  // happen in any case, so failing them means nothing
  return ++seen_ == nth_ ? -code_ : 0;
}

long Faulty::bpf(Command command, void* attr, std::uint32_t size) {
  long result = Forwarding::bpf(command, attr, size);
  if (result >= 0 && opens(command)) ++opened_;
  return result;
}
long Faulty::close(int fd) {
  long result = Forwarding::close(fd);
  if (result == 0) --opened_;
  return result;
}
long Faulty::dup(int fd) {
  long copy = Forwarding::dup(fd);
  if (copy >= 0) ++opened_;
  return copy;
}

}  // namespace skep::uapi
