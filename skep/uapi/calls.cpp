// The typed calls: fill the attr, ask, say what went wrong.
#include "skep/uapi/calls.h"

#include <algorithm>

#include "skep/uapi/commands.h"
#include "skep/uapi/flags.h"
#include "skep/uapi/map_types.h"
#include "skep/uapi/prog_types.h"

namespace skep::uapi {
namespace {

std::uint64_t address(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }
// The kernel takes a size of 0 only with a null address.
std::uint64_t address(Bytes bytes) { return bytes.empty() ? 0 : address(bytes.data()); }
std::uint64_t address(MutableBytes bytes) { return bytes.empty() ? 0 : address(bytes.data()); }
std::uint32_t size32(std::size_t size) { return static_cast<std::uint32_t>(size); }
std::uint32_t fd32(int fd) { return fd < 0 ? 0 : static_cast<std::uint32_t>(fd); }

// The part of the attr that the command knows. What lies behind is padding.
template <class T>
long ask(Sys& sys, Command command, T& attr) {
  std::uint32_t known = commands()[static_cast<std::size_t>(command)].attr_size;
  return sys.bpf(command, &attr, std::min<std::uint32_t>(known, sizeof attr));
}

std::string words(long negative_errno) {
  int code = static_cast<int>(-negative_errno);
  if (code == enotsupp) return "Operation not supported (ENOTSUPP)";
  return base::errno_text(code);
}

// "map_create 'flows' (lru_hash): Invalid argument (EINVAL)"
Failure refused(Command command, const std::string& what, long negative_errno) {
  const CommandRow* row = find_command(command);
  return fail(static_cast<int>(-negative_errno), "{}{}{}: {}", row->name, what.empty() ? "" : " ", what,
              words(negative_errno));
}

template <class T>
Result<Handle> ask_handle(Sys& sys, Command command, T& attr, const std::string& what) {
  long fd = ask(sys, command, attr);
  if (fd < 0) return refused(command, what, fd);
  return Handle(sys, static_cast<int>(fd));
}

template <class T>
Result<void> ask_plain(Sys& sys, Command command, T& attr, const std::string& what) {
  long result = ask(sys, command, attr);
  if (result < 0) return refused(command, what, result);
  return {};
}

void put_name(char (&into)[obj_name_len], std::string_view name) {
  name.copy(into, obj_name_len - 1);  // also of no name: memcpy may not get its null pointer
}

std::string of(std::string_view name, std::string_view type) {
  std::string what = name.empty() ? std::string() : fmt::format("'{}' ", name);
  return what + (type.empty() ? "(unknown type)" : fmt::format("({})", type));
}

}  // namespace

// --- maps ---

Result<Handle> map_create(Sys& sys, const MapCreate& options) {
  auto attr = zeroed<MapCreateAttr>();
  attr.map_type = static_cast<std::uint32_t>(options.type);
  attr.key_size = options.key_size;
  attr.value_size = options.value_size;
  attr.max_entries = options.max_entries;
  attr.map_flags = options.flags;
  attr.inner_map_fd = fd32(options.inner_map_fd);
  if (options.numa_node) {
    attr.map_flags |= map_numa_node;
    attr.numa_node = *options.numa_node;
  }
  put_name(attr.map_name, options.name);
  attr.map_ifindex = options.ifindex;
  attr.btf_fd = fd32(options.btf_fd);
  attr.btf_key_type_id = options.btf_key_type_id;
  attr.btf_value_type_id = options.btf_value_type_id;
  attr.btf_vmlinux_value_type_id = options.btf_vmlinux_value_type_id;
  attr.map_extra = options.extra;
  if (options.value_type_btf_obj_fd >= 0) {
    attr.map_flags |= map_vtype_btf_obj_fd;
    attr.value_type_btf_obj_fd = options.value_type_btf_obj_fd;
  }
  if (options.token_fd >= 0) {
    attr.map_flags |= map_token_fd;
    attr.map_token_fd = options.token_fd;
  }
  long fd = ask(sys, Command::map_create, attr);
  if (fd >= 0) return Handle(sys, static_cast<int>(fd));
  const MapTypeRow* row = find_map_type(options.type);
  Failure failure = refused(Command::map_create, of(options.name, row ? row->name : ""), fd);
  // The attributes alone often say why.
  if (auto checked = check_map_create(attr); !checked.has_value() && checked.error().code == -fd)
    failure.error().message += ": " + checked.error().message;
  return failure;
}

namespace {

long element(Sys& sys, Command command, int map_fd, const void* key, const void* value, std::uint64_t flags,
             std::uint32_t size) {
  MapElemAttr attr;
  attr.map_fd = static_cast<std::uint32_t>(map_fd);
  attr.pad = 0;
  attr.key = address(key);
  attr.value = address(value);
  attr.flags = flags;
  return sys.bpf(command, &attr, size);
}

long batch(Sys& sys, Command command, int map_fd, const void* in_batch, void* out_batch, const void* keys,
           const void* values, std::uint32_t* count, std::uint64_t elem_flags) {
  auto attr = zeroed<MapBatchAttr>();
  attr.in_batch = address(in_batch);
  attr.out_batch = address(out_batch);
  attr.keys = address(keys);
  attr.values = address(values);
  attr.count = *count;
  attr.map_fd = static_cast<std::uint32_t>(map_fd);
  attr.elem_flags = elem_flags;
  long result = sys.bpf(command, &attr, sizeof attr);
  *count = attr.count;
  return result;
}

constexpr std::uint32_t through_key = offsetof(MapElemAttr, key) + 8;
constexpr std::uint32_t through_next_key = offsetof(MapElemAttr, value) + 8;
constexpr std::uint32_t through_flags = sizeof(MapElemAttr);

}  // namespace

long map_lookup(Sys& sys, int map_fd, const void* key, void* value, std::uint64_t flags) {
  return element(sys, Command::map_lookup_elem, map_fd, key, value, flags, through_flags);
}
long map_update(Sys& sys, int map_fd, const void* key, const void* value, std::uint64_t flags) {
  return element(sys, Command::map_update_elem, map_fd, key, value, flags, through_flags);
}
long map_delete(Sys& sys, int map_fd, const void* key) {
  return element(sys, Command::map_delete_elem, map_fd, key, nullptr, 0, through_key);
}
long map_next_key(Sys& sys, int map_fd, const void* key, void* next_key) {
  return element(sys, Command::map_get_next_key, map_fd, key, next_key, 0, through_next_key);
}
long map_lookup_and_delete(Sys& sys, int map_fd, const void* key, void* value, std::uint64_t flags) {
  return element(sys, Command::map_lookup_and_delete_elem, map_fd, key, value, flags, through_flags);
}
long map_freeze(Sys& sys, int map_fd) {
  auto fd = static_cast<std::uint32_t>(map_fd);
  return sys.bpf(Command::map_freeze, &fd, sizeof fd);
}

long map_lookup_batch(Sys& sys, int map_fd, const void* in_batch, void* out_batch, void* keys, void* values,
                      std::uint32_t* count, std::uint64_t elem_flags) {
  return batch(sys, Command::map_lookup_batch, map_fd, in_batch, out_batch, keys, values, count, elem_flags);
}
long map_lookup_and_delete_batch(Sys& sys, int map_fd, const void* in_batch, void* out_batch, void* keys,
                                 void* values, std::uint32_t* count, std::uint64_t elem_flags) {
  return batch(sys, Command::map_lookup_and_delete_batch, map_fd, in_batch, out_batch, keys, values, count,
               elem_flags);
}
long map_update_batch(Sys& sys, int map_fd, const void* keys, const void* values, std::uint32_t* count,
                      std::uint64_t elem_flags) {
  return batch(sys, Command::map_update_batch, map_fd, nullptr, nullptr, keys, values, count, elem_flags);
}
long map_delete_batch(Sys& sys, int map_fd, const void* keys, std::uint32_t* count,
                      std::uint64_t elem_flags) {
  return batch(sys, Command::map_delete_batch, map_fd, nullptr, nullptr, keys, nullptr, count, elem_flags);
}

// --- programs ---

namespace {

constexpr std::uint32_t log_first = 64u << 10;
constexpr std::uint32_t log_most = 16u << 20;  // what every kernel takes
constexpr int load_attempts = 5;               // the kernel says EAGAIN when a signal interrupts the verifier

// One load with a log as big as it needs. The log ends at its NUL.
template <class Attr, class SetLog>
long with_log(Sys& sys, Command command, Attr& attr, std::uint32_t first, std::string& log, SetLog set_log) {
  std::uint32_t room = std::clamp(first ? first : log_first, 128u, log_most);
  for (;;) {
    log.assign(room, '\0');
    set_log(attr, log.data(), room);
    long result = 0;
    for (int attempt = 0; attempt < load_attempts; ++attempt)
      if ((result = ask(sys, command, attr)) != -EAGAIN) break;
    if (result == -ENOSPC && room < log_most) {
      room = std::min(room * 4, log_most);
      continue;
    }
    log.resize(std::min(log.find('\0'), log.size()));
    return result;
  }
}

ProgLoadAttr prog_load_attr(const ProgLoad& options) {
  auto attr = zeroed<ProgLoadAttr>();
  attr.prog_type = static_cast<std::uint32_t>(options.type);
  attr.insn_cnt = size32(options.insns.size() / 8);
  attr.insns = address(options.insns);
  attr.license = address(options.license.c_str());
  attr.kern_version = options.kern_version;
  attr.prog_flags = options.flags;
  put_name(attr.prog_name, options.name);
  attr.prog_ifindex = options.ifindex;
  attr.expected_attach_type = static_cast<std::uint32_t>(options.expected_attach_type);
  attr.prog_btf_fd = fd32(options.btf_fd);
  if (!options.func_info.empty() && options.func_info_rec_size) {
    attr.func_info = address(options.func_info);
    attr.func_info_rec_size = options.func_info_rec_size;
    attr.func_info_cnt = size32(options.func_info.size() / options.func_info_rec_size);
  }
  if (!options.line_info.empty() && options.line_info_rec_size) {
    attr.line_info = address(options.line_info);
    attr.line_info_rec_size = options.line_info_rec_size;
    attr.line_info_cnt = size32(options.line_info.size() / options.line_info_rec_size);
  }
  if (!options.core_relos.empty() && options.core_relo_rec_size) {
    attr.core_relos = address(options.core_relos);
    attr.core_relo_rec_size = options.core_relo_rec_size;
    attr.core_relo_cnt = size32(options.core_relos.size() / options.core_relo_rec_size);
  }
  attr.attach_btf_id = options.attach_btf_id;
  attr.attach_prog_fd =
      options.attach_prog_fd >= 0 ? fd32(options.attach_prog_fd) : fd32(options.attach_btf_obj_fd);
  if (!options.fd_array.empty()) {
    attr.fd_array = address(options.fd_array.data());
    if (options.bind_fd_array) attr.fd_array_cnt = size32(options.fd_array.size());
  }
  if (options.token_fd >= 0) {
    attr.prog_flags |= load_token_fd;
    attr.prog_token_fd = options.token_fd;
  }
  return attr;
}

void set_prog_log(ProgLoadAttr& attr, char* log, std::uint32_t size) {
  attr.log_buf = address(log);
  attr.log_size = size;
}
void set_btf_log(BtfLoadAttr& attr, char* log, std::uint32_t size) {
  attr.btf_log_buf = address(log);
  attr.btf_log_size = size;
}

}  // namespace

Result<ProgLoadResult> prog_load(Sys& sys, const ProgLoad& options, std::string* log) {
  if (options.insns.size() % 8 != 0)
    return fail(EINVAL, "prog_load '{}': {} bytes of instructions, must be a multiple of 8", options.name,
                options.insns.size());
  ProgLoadAttr attr = prog_load_attr(options);
  std::string text;
  long fd = 0;
  if (options.log_level == 0) {
    for (int attempt = 0; attempt < load_attempts; ++attempt)
      if ((fd = ask(sys, Command::prog_load, attr)) != -EAGAIN) break;
    if (fd < 0 && log) {
      attr.log_level = log_verbose;
      // The second answer counts: it is the one that the log explains.
      fd = with_log(sys, Command::prog_load, attr, options.log_size, text, set_prog_log);
    }
  } else {
    attr.log_level = options.log_level;
    fd = with_log(sys, Command::prog_load, attr, options.log_size, text, set_prog_log);
  }
  if (log && !text.empty()) *log = text;
  if (fd < 0) {
    const ProgTypeRow* row = find_prog_type(options.type);
    return refused(Command::prog_load, of(options.name, row ? row->name : ""), fd);
  }
  ProgLoadResult result;
  result.prog = Handle(sys, static_cast<int>(fd));
  result.log = std::move(text);
  return result;
}

long test_run(Sys& sys, int prog_fd, TestRun& run) {
  auto attr = zeroed<ProgTestRunAttr>();
  attr.prog_fd = static_cast<std::uint32_t>(prog_fd);
  attr.data_in = address(run.data_in);
  attr.data_size_in = size32(run.data_in.size());
  attr.data_out = address(run.data_out);
  attr.data_size_out = size32(run.data_out.size());
  attr.ctx_in = address(run.ctx_in);
  attr.ctx_size_in = size32(run.ctx_in.size());
  attr.ctx_out = address(run.ctx_out);
  attr.ctx_size_out = size32(run.ctx_out.size());
  attr.repeat = run.repeat;
  attr.flags = run.flags;
  attr.cpu = run.cpu;
  attr.batch_size = run.batch_size;
  long result =
      sys.bpf(Command::prog_test_run, &attr, offsetof(ProgTestRunAttr, batch_size) + sizeof attr.batch_size);
  run.retval = attr.retval;
  run.duration_ns = attr.duration;
  run.data_size_out = attr.data_size_out;
  run.ctx_size_out = attr.ctx_size_out;
  return result;
}

Result<void> prog_bind_map(Sys& sys, int prog_fd, int map_fd) {
  auto attr = zeroed<ProgBindMapAttr>();
  attr.prog_fd = static_cast<std::uint32_t>(prog_fd);
  attr.map_fd = static_cast<std::uint32_t>(map_fd);
  return ask_plain(sys, Command::prog_bind_map, attr, "");
}

namespace {

ProgAttachAttr prog_attach_attr(const ProgAttach& options) {
  auto attr = zeroed<ProgAttachAttr>();
  attr.target_fd = options.target;
  attr.attach_bpf_fd = fd32(options.prog_fd);
  attr.attach_type = static_cast<std::uint32_t>(options.type);
  attr.attach_flags = options.flags;
  attr.replace_bpf_fd = fd32(options.replace_prog_fd);
  attr.relative_fd = options.relative;
  attr.expected_revision = options.expected_revision;
  return attr;
}

}  // namespace

Result<void> prog_attach(Sys& sys, const ProgAttach& options) {
  ProgAttachAttr attr = prog_attach_attr(options);
  return ask_plain(sys, Command::prog_attach, attr, fmt::format("(attach type {})", attr.attach_type));
}

Result<void> prog_detach(Sys& sys, const ProgAttach& options) {
  ProgAttachAttr attr = prog_attach_attr(options);
  return ask_plain(sys, Command::prog_detach, attr, fmt::format("(attach type {})", attr.attach_type));
}

Result<ProgQueryResult> prog_query(Sys& sys, std::uint32_t target, AttachType type, std::uint32_t query_flags,
                                   bool with_links) {
  std::vector<std::uint32_t> progs(64), links, prog_flags, link_flags;
  for (;;) {
    auto attr = zeroed<ProgQueryAttr>();
    attr.target_fd = target;
    attr.attach_type = static_cast<std::uint32_t>(type);
    attr.query_flags = query_flags;
    attr.count = size32(progs.size());
    attr.prog_ids = address(progs.data());
    if (with_links) {
      links.assign(progs.size(), 0);
      link_flags.assign(progs.size(), 0);
      prog_flags.assign(progs.size(), 0);
      attr.link_ids = address(links.data());
      attr.link_attach_flags = address(link_flags.data());
      attr.prog_attach_flags = address(prog_flags.data());
    }
    long result = ask(sys, Command::prog_query, attr);
    if (result == -ENOSPC && progs.size() < 65536) {
      // `count` is what there is now; there may be more when asked again.
      progs.resize(std::max<std::size_t>(progs.size() * 2, attr.count));
      continue;
    }
    if (result < 0)
      return refused(Command::prog_query, fmt::format("(attach type {})", attr.attach_type), result);
    ProgQueryResult answer;
    answer.attach_flags = attr.attach_flags;
    answer.revision = attr.revision;
    std::size_t count = std::min<std::size_t>(attr.count, progs.size());
    for (std::size_t i = 0; i < count; ++i) {
      ProgQueryItem item;
      item.prog_id = progs[i];
      if (with_links) {
        item.link_id = links[i];
        item.prog_flags = prog_flags[i];
        item.link_flags = link_flags[i];
      }
      answer.items.push_back(item);
    }
    return answer;
  }
}

Result<Handle> raw_tracepoint_open(Sys& sys, const std::string& name, int prog_fd, std::uint64_t cookie) {
  auto attr = zeroed<RawTracepointAttr>();
  attr.name = name.empty() ? 0 : address(name.c_str());
  attr.prog_fd = static_cast<std::uint32_t>(prog_fd);
  attr.cookie = cookie;
  return ask_handle(sys, Command::raw_tracepoint_open, attr, fmt::format("'{}'", name));
}

// --- BTF ---

Result<Handle> btf_load(Sys& sys, const BtfLoad& options, std::string* log) {
  auto attr = zeroed<BtfLoadAttr>();
  attr.btf = address(options.btf);
  attr.btf_size = size32(options.btf.size());
  if (options.token_fd >= 0) {
    attr.btf_flags = load_token_fd;
    attr.btf_token_fd = options.token_fd;
  }
  std::string text;
  long fd = 0;
  if (options.log_level == 0) {
    fd = ask(sys, Command::btf_load, attr);
    if (fd < 0 && log) {
      attr.btf_log_level = log_verbose;
      fd = with_log(sys, Command::btf_load, attr, options.log_size, text, set_btf_log);
    }
  } else {
    attr.btf_log_level = options.log_level;
    fd = with_log(sys, Command::btf_load, attr, options.log_size, text, set_btf_log);
  }
  if (log && !text.empty()) *log = text;
  if (fd < 0) return refused(Command::btf_load, fmt::format("({} bytes)", options.btf.size()), fd);
  return Handle(sys, static_cast<int>(fd));
}

Result<BtfContents> btf_contents(Sys& sys, int btf_fd) {
  auto info = zeroed<BtfInfo>();
  MutableBytes raw(reinterpret_cast<std::uint8_t*>(&info), sizeof info);
  TRY(object_info(sys, btf_fd, raw));
  BtfContents contents;
  contents.bytes.resize(info.btf_size);
  contents.name.resize(info.name_len + 1);
  std::uint32_t size = info.btf_size, name_len = info.name_len;
  info = zeroed<BtfInfo>();
  info.btf = address(MutableBytes(contents.bytes));
  info.btf_size = size;
  if (name_len) {
    info.name = address(contents.name.data());
    info.name_len = name_len + 1;
  }
  TRY(object_info(sys, btf_fd, raw));
  contents.name.resize(std::min(contents.name.find('\0'), contents.name.size()));
  contents.bytes.resize(std::min<std::size_t>(info.btf_size, contents.bytes.size()));
  info.btf = info.name = 0;  // addresses of buffers that have moved on
  contents.info = info;
  return contents;
}

// --- what the kernel knows of an object ---

Result<void> object_info(Sys& sys, int fd, MutableBytes info, std::uint32_t* filled) {
  auto attr = zeroed<InfoAttr>();
  attr.bpf_fd = static_cast<std::uint32_t>(fd);
  attr.info_len = size32(info.size());
  attr.info = address(info);
  TRY(ask_plain(sys, Command::obj_get_info_by_fd, attr, fmt::format("(descriptor {})", fd)));
  if (filled) *filled = attr.info_len;
  return {};
}

namespace {
template <class T>
Result<T> info_of(Sys& sys, int fd) {
  T info = zeroed<T>();
  TRY(object_info(sys, fd, MutableBytes(reinterpret_cast<std::uint8_t*>(&info), sizeof info)));
  return info;
}
}  // namespace

Result<MapInfo> map_info(Sys& sys, int map_fd) { return info_of<MapInfo>(sys, map_fd); }
Result<ProgInfo> prog_info(Sys& sys, int prog_fd) { return info_of<ProgInfo>(sys, prog_fd); }
Result<BtfInfo> btf_info(Sys& sys, int btf_fd) { return info_of<BtfInfo>(sys, btf_fd); }

// --- ids ---

namespace {
struct IdCommands {
  Command next, by_id;
};
constexpr IdCommands id_commands[] = {
    {Command::prog_get_next_id, Command::prog_get_fd_by_id},
    {Command::map_get_next_id, Command::map_get_fd_by_id},
    {Command::btf_get_next_id, Command::btf_get_fd_by_id},
    {Command::link_get_next_id, Command::link_get_fd_by_id},
};
}  // namespace

Result<std::optional<std::uint32_t>> next_id(Sys& sys, ObjectKind kind, std::uint32_t id) {
  Command command = id_commands[static_cast<std::size_t>(kind)].next;
  auto attr = zeroed<IdAttr>();
  attr.id = id;
  long result = ask(sys, command, attr);
  if (result == -ENOENT) return std::optional<std::uint32_t>();
  if (result < 0) return refused(command, fmt::format("{}", id), result);
  return std::optional<std::uint32_t>(attr.next_id);
}

Result<std::vector<std::uint32_t>> all_ids(Sys& sys, ObjectKind kind) {
  std::vector<std::uint32_t> ids;
  std::uint32_t id = 0;
  for (;;) {
    std::optional<std::uint32_t> next = TRY(next_id(sys, kind, id));
    // Ids only grow; anything else would never end.
    if (!next || *next <= id) return ids;
    ids.push_back(id = *next);
  }
}

Result<Handle> by_id(Sys& sys, ObjectKind kind, std::uint32_t id, std::uint32_t open_flags) {
  Command command = id_commands[static_cast<std::size_t>(kind)].by_id;
  auto attr = zeroed<IdAttr>();
  attr.id = id;
  if (kind == ObjectKind::map) attr.open_flags = open_flags;
  return ask_handle(sys, command, attr, fmt::format("{}", id));
}

// --- pins ---

Result<void> obj_pin(Sys& sys, int fd, const std::string& path) {
  auto attr = zeroed<ObjAttr>();
  attr.pathname = address(path.c_str());
  attr.bpf_fd = static_cast<std::uint32_t>(fd);
  return ask_plain(sys, Command::obj_pin, attr, fmt::format("'{}'", path));
}

Result<Handle> obj_get(Sys& sys, const std::string& path, std::uint32_t flags) {
  auto attr = zeroed<ObjAttr>();
  attr.pathname = address(path.c_str());
  attr.file_flags = flags;
  return ask_handle(sys, Command::obj_get, attr, fmt::format("'{}'", path));
}

// --- links ---

Result<Handle> link_create(Sys& sys, const LinkCreateAttr& attr) {
  LinkCreateAttr copy = attr;
  return ask_handle(sys, Command::link_create, copy, fmt::format("(attach type {})", attr.attach_type));
}

Result<void> link_update(Sys& sys, int link_fd, int new_prog_fd, int old_prog_fd) {
  auto attr = zeroed<LinkUpdateAttr>();
  attr.link_fd = static_cast<std::uint32_t>(link_fd);
  attr.new_prog_fd = static_cast<std::uint32_t>(new_prog_fd);
  if (old_prog_fd >= 0) {
    attr.flags = attach_replace;
    attr.old_prog_fd = static_cast<std::uint32_t>(old_prog_fd);
  }
  return ask_plain(sys, Command::link_update, attr, "");
}

Result<void> link_detach(Sys& sys, int link_fd) {
  auto attr = zeroed<LinkDetachAttr>();
  attr.link_fd = static_cast<std::uint32_t>(link_fd);
  return ask_plain(sys, Command::link_detach, attr, "");
}

Result<Handle> iter_create(Sys& sys, int link_fd) {
  auto attr = zeroed<IterCreateAttr>();
  attr.link_fd = static_cast<std::uint32_t>(link_fd);
  return ask_handle(sys, Command::iter_create, attr, "");
}

// --- the rest ---

Result<Handle> enable_stats(Sys& sys, std::uint32_t type) {
  auto attr = zeroed<EnableStatsAttr>();
  attr.type = type;
  return ask_handle(sys, Command::enable_stats, attr, fmt::format("{}", type));
}

Result<Handle> token_create(Sys& sys, int bpffs_fd) {
  auto attr = zeroed<TokenCreateAttr>();
  attr.bpffs_fd = static_cast<std::uint32_t>(bpffs_fd);
  return ask_handle(sys, Command::token_create, attr, "");
}

Result<TaskFd> task_fd_query(Sys& sys, std::uint32_t pid, std::uint32_t fd) {
  std::string name(256, '\0');
  for (;;) {
    auto attr = zeroed<TaskFdQueryAttr>();
    attr.pid = pid;
    attr.fd = fd;
    attr.buf = address(name.data());
    attr.buf_len = size32(name.size());
    long result = ask(sys, Command::task_fd_query, attr);
    if (result == -ENOSPC && name.size() < 65536) {
      name.assign(name.size() * 4, '\0');
      continue;
    }
    if (result < 0)
      return refused(Command::task_fd_query, fmt::format("(process {}, descriptor {})", pid, fd), result);
    TaskFd answer;
    answer.prog_id = attr.prog_id;
    answer.fd_type = attr.fd_type;
    answer.probe_offset = attr.probe_offset;
    answer.probe_addr = attr.probe_addr;
    answer.name = name.substr(0, std::min(name.find('\0'), name.size()));
    return answer;
  }
}

long prog_stream_read(Sys& sys, int prog_fd, std::uint32_t stream, MutableBytes into) {
  auto attr = zeroed<ProgStreamReadAttr>();
  attr.stream_buf = address(into);
  attr.stream_buf_len = size32(into.size());
  attr.stream_id = stream;
  attr.prog_fd = static_cast<std::uint32_t>(prog_fd);
  return ask(sys, Command::prog_stream_read_by_fd, attr);
}

}  // namespace skep::uapi
