// The judging side. Errnos are the kernel's (kernel/bpf/syscall.c).
#include "skep/runtime/verify_sys.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "skep/uapi/flags.h"
#include "skep/uapi/map_types.h"

namespace skep::runtime {

using uapi::Command;
using uapi::MapType;

namespace {

constexpr int first_fd = 3;

const std::uint8_t* pointer(std::uint64_t address) {
  return reinterpret_cast<const std::uint8_t*>(static_cast<std::uintptr_t>(address));
}

// The attr with what the caller left out zeroed. E2BIG for bytes that this side does not know, if set.
template <class Attr>
long read_attr(const void* from, std::uint32_t size, Attr& attr) {
  attr = Attr{};
  std::memcpy(&attr, from, std::min<std::size_t>(size, sizeof attr));
  for (std::size_t i = sizeof attr; i < size; i++)
    if (static_cast<const std::uint8_t*>(from)[i] != 0) return -E2BIG;
  return 0;
}

std::string_view name_of(const char (&name)[uapi::obj_name_len]) {
  return {name, strnlen(name, sizeof name)};
}

}  // namespace

VerifySys::VerifySys(VerifyOptions options) : options_(std::move(options)) {}
VerifySys::~VerifySys() = default;

long VerifySys::give(Open open) {
  int fd = first_fd;
  for (const auto& [used, what] : open_) {  // the lowest free number
    if (used != fd) break;
    fd++;
  }
  open_.emplace(fd, std::move(open));
  return fd;
}

std::shared_ptr<const KeptMap> VerifySys::map(int fd) {
  auto found = open_.find(fd);
  return found == open_.end() ? nullptr : found->second.map;
}
std::shared_ptr<const KeptBtf> VerifySys::btf(int fd) {
  auto found = open_.find(fd);
  return found == open_.end() ? nullptr : found->second.btf;
}
std::shared_ptr<const KeptModel> VerifySys::program(int fd) {
  auto found = open_.find(fd);
  return found == open_.end() ? nullptr : found->second.prog;
}
int VerifySys::fd_array(std::int32_t index) {
  if (fd_array_ == 0 || index < 0) return -1;
  return base::load<std::int32_t>(pointer(fd_array_) + std::size_t{4} * static_cast<std::uint32_t>(index));
}

long VerifySys::bpf(Command command, void* attr, std::uint32_t size) {
  auto with = [&]<class Attr>(long (VerifySys::*run)(const Attr&)) {
    Attr own;
    if (long error = read_attr(attr, size, own)) return error;
    return (this->*run)(own);
  };
  switch (command) {
    case Command::btf_load: return with(&VerifySys::btf_load);
    case Command::map_create: return with(&VerifySys::map_create);
    case Command::map_update_elem: return with(&VerifySys::map_update);
    case Command::map_freeze: {
      uapi::MapElemAttr own;
      if (long error = read_attr(attr, size, own)) return error;
      auto found = open_.find(static_cast<int>(own.map_fd));
      if (found == open_.end() || !found->second.map) return -EBADF;
      found->second.map->model.frozen = true;
      return 0;
    }
    case Command::prog_load: {
      uapi::ProgLoadAttr own;
      if (long error = read_attr(attr, size, own)) return error;
      long result = prog_load(own);
      std::memcpy(attr, &own, std::min<std::size_t>(size, sizeof own));
      return result;
    }
    case Command::obj_pin: return 0;
    case Command::obj_get: return -ENOENT;
    case Command::map_lookup_elem:
    case Command::map_delete_elem:
    case Command::map_get_next_key:
    case Command::prog_attach:
    case Command::prog_detach:
    case Command::prog_test_run:
    case Command::prog_get_next_id:
    case Command::map_get_next_id:
    case Command::prog_get_fd_by_id:
    case Command::map_get_fd_by_id:
    case Command::obj_get_info_by_fd:
    case Command::prog_query:
    case Command::raw_tracepoint_open:
    case Command::btf_get_fd_by_id:
    case Command::task_fd_query:
    case Command::map_lookup_and_delete_elem:
    case Command::btf_get_next_id:
    case Command::map_lookup_batch:
    case Command::map_lookup_and_delete_batch:
    case Command::map_update_batch:
    case Command::map_delete_batch:
    case Command::link_create:
    case Command::link_update:
    case Command::link_get_fd_by_id:
    case Command::link_get_next_id:
    case Command::enable_stats:
    case Command::iter_create:
    case Command::link_detach:
    case Command::prog_bind_map:
    case Command::token_create:
    case Command::prog_stream_read_by_fd:
    case Command::prog_assoc_struct_ops: return -EINVAL;  // for programs that run
  }
  return -EINVAL;
}

long VerifySys::btf_load(const uapi::BtfLoadAttr& attr) {
  auto kept = std::make_shared<KeptBtf>();
  kept->bytes.assign(pointer(attr.btf), pointer(attr.btf) + attr.btf_size);
  Result<btf::Btf> parsed = btf::Btf::parse(kept->bytes);
  if (!parsed) return -parsed.error().code;
  kept->types = std::make_unique<const btf::Btf>(std::move(*parsed));
  return give({.btf = std::move(kept)});
}

long VerifySys::map_create(const uapi::MapCreateAttr& attr) {
  missing_ = {};
  if (Result<void> allowed = uapi::check_map_create(attr); !allowed) return -allowed.error().code;
  const std::uint16_t version = uapi::since(options_.around.version.major, options_.around.version.minor);
  const uapi::MapTypeRow* row = uapi::find_map_type(static_cast<MapType>(attr.map_type));
  if (!row) return -EINVAL;
  if (row->since > version) {
    missing_ = {uapi::Lack::map_type, std::string(row->name), row->since};
    return -EINVAL;
  }
  if (const uapi::FlagRow* flag = uapi::unknown_flag(uapi::map_flag_rows(), attr.map_flags, version)) {
    missing_ = {uapi::Lack::map_flag, std::string(flag->name), flag->since};
    return -EINVAL;
  }
  const verify::Privileges& may = options_.map_privileges;
  if (row->privilege == uapi::MapPrivilege::cap_bpf && !may.bpf) return -EPERM;
  if (row->privilege == uapi::MapPrivilege::cap_net_admin && !may.net_admin) return -EPERM;
  auto kept = std::make_shared<KeptMap>();
  verify::MapModel& model = kept->model;
  model.name = name_of(attr.map_name);
  model.type = row->type;
  model.key_size = attr.key_size;
  model.value_size = attr.value_size;
  model.max_entries = attr.max_entries;
  model.flags = attr.map_flags;
  if (attr.btf_vmlinux_value_type_id != 0) {
    if (row->type != MapType::struct_ops || !options_.around.kernel_btf) return -EINVAL;
    // The value is `struct bpf_struct_ops_NAME`; the operations themselves are `struct NAME`.
    constexpr std::string_view prefix = "bpf_struct_ops_";
    const btf::Btf& kernel = *options_.around.kernel_btf;
    if (attr.btf_vmlinux_value_type_id >= kernel.type_count()) return -EINVAL;
    std::string_view name = kernel.type(attr.btf_vmlinux_value_type_id).name();
    if (!name.starts_with(prefix)) return -EINVAL;
    std::optional<btf::TypeId> ops = kernel.find(name.substr(prefix.size()), btf::Kind::struct_);
    if (!ops) return -EINVAL;
    model.struct_ops_type = *ops;
  } else if (attr.btf_key_type_id != 0 || attr.btf_value_type_id != 0) {
    kept->btf = btf(static_cast<int>(attr.btf_fd));
    if (!kept->btf) return -EBADF;
    const btf::Btf& types = *kept->btf->types;
    if (!check_map_types(attr, types)) return -EINVAL;
    model.btf = &types;
    model.key_type = attr.btf_key_type_id;
    model.value_type = attr.btf_value_type_id;
  }
  if (row->type == MapType::array_of_maps || row->type == MapType::hash_of_maps) {
    std::shared_ptr<const KeptMap> inner = map(static_cast<int>(attr.inner_map_fd));
    if (!inner) return -EBADF;
    if (inner->inner) return -EINVAL;
    kept->inner = std::move(inner);
  }
  return give({.map = std::move(kept)});
}

// Only what a program can be told about counts: the one element of an array.
long VerifySys::map_update(const uapi::MapElemAttr& attr) {
  auto found = open_.find(static_cast<int>(attr.map_fd));
  if (found == open_.end() || !found->second.map) return -EBADF;
  KeptMap& kept = *found->second.map;
  if (kept.model.frozen) return -EPERM;
  if (kept.model.type != MapType::array) return 0;
  auto key = base::load<std::uint32_t>(pointer(attr.key));
  if (key >= kept.model.max_entries) return -E2BIG;
  if (key != 0) return 0;
  kept.contents.assign(pointer(attr.value), pointer(attr.value) + kept.model.value_size);
  kept.model.contents = kept.contents;
  return 0;
}

long VerifySys::prog_load(uapi::ProgLoadAttr& attr) {
  fd_array_ = attr.fd_array;
  Judged judged;
  auto model = read_model(attr, UserMemory{}, options_.around, *this, &judged.verdict.missing);
  if (!model) {
    judged.verdict.code = model.error().code;
    judged.verdict.reason = std::move(model.error().message);
    judged.before_verifier = true;
    judged_.push_back(std::move(judged));
    return -static_cast<long>(model.error().code);
  }

  verify::Options options = options_.verify;
  if (!options_.own_log_level) options.log_level = attr.log_level;
  judged.model = std::move(*model);
  auto began = std::chrono::steady_clock::now();
  judged.verdict = verify::verify(judged.model->model, options);
  judged.verify_ns =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - began).count());
  const verify::Verdict& verdict = judged.verdict;
  if (attr.log_buf != 0 && attr.log_size != 0) {
    std::string_view text = verdict.log;
    if (text.size() >= attr.log_size) text.remove_prefix(text.size() - (attr.log_size - 1));
    auto* to = reinterpret_cast<char*>(static_cast<std::uintptr_t>(attr.log_buf));
    std::memcpy(to, text.data(), text.size());
    to[text.size()] = '\0';
    attr.log_true_size = static_cast<std::uint32_t>(text.size() + 1);
  }
  long result = verdict.accepted ? give({.prog = judged.model}) : -static_cast<long>(verdict.code);
  judged_.push_back(std::move(judged));
  return result;
}

long VerifySys::close(int fd) { return open_.erase(fd) ? 0 : -EBADF; }

long VerifySys::dup(int fd) {
  auto found = open_.find(fd);
  return found == open_.end() ? -EBADF : give(found->second);
}

long VerifySys::read(int fd, MutableBytes) { return open_.contains(fd) ? -EINVAL : -EBADF; }

long VerifySys::map(int fd, std::uint64_t, std::size_t length, bool, void** at) {
  if (!map(fd)) return -EBADF;
  void* memory = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  *at = memory;
  return 0;
}
long VerifySys::unmap(void* at, std::size_t length) { return ::munmap(at, length) == 0 ? 0 : -errno; }

long VerifySys::wait(std::span<uapi::WaitItem>, int) { return -EPERM; }
Result<std::vector<uapi::BpffsEntry>> VerifySys::bpffs_list(const std::string& path) {
  return fail(ENOENT, "'{}': this side keeps no pins", path);
}
long VerifySys::bpffs_mkdir(const std::string&) { return 0; }
long VerifySys::bpffs_unlink(const std::string&) { return -ENOENT; }

Result<Buffer> VerifySys::kernel_btf(std::string_view module) {
  if (!module.empty()) return fail(ENOENT, "no BTF of a module '{}' is given", module);
  if (options_.kernel_btf_bytes.empty()) return fail(ENOENT, "no kernel BTF is given");
  return Buffer(options_.kernel_btf_bytes.begin(), options_.kernel_btf_bytes.end());
}
Result<std::string> VerifySys::kallsyms() {
  if (options_.kallsyms.empty()) return fail(ENOENT, "no kernel symbols are given");
  return options_.kallsyms;
}
Result<std::string> VerifySys::kconfig() {
  if (options_.kconfig.empty()) return fail(ENOENT, "no kernel configuration is given");
  return options_.kconfig;
}

}  // namespace skep::runtime
