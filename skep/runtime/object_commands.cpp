// Commands on any kind of object: information, ids, BTF, pins. Facts: kernel/bpf/syscall.c, kernel/bpf/btf.c,
// kernel/bpf/inode.c.
#include <algorithm>
#include <cstring>

#include "skep/runtime/state.h"

namespace skep::runtime {

using uapi::InfoAttr;
static_assert(sizeof(verify::FuncInfo) == 8 && sizeof(verify::LineInfo) == 16);  // of the UAPI

namespace {

// Copies an info struct out: as many bytes as both sides know; the caller's further bytes must be zero.
template <class T>
long write_info(Call& call, const T& info) {
  const auto& attr = call.attr<InfoAttr>();
  auto size = static_cast<std::uint32_t>(std::min<std::size_t>(attr.info_len, sizeof info));
  if (!call.task.memory.write(attr.info, &info, size)) return -EFAULT;
  return call.put(offsetof(InfoAttr, info_len), size) ? 0 : -EFAULT;
}

// The caller's info struct (pointers to fill); 0 or -errno.
template <class T>
long read_info(Call& call, T& info) {
  const auto& attr = call.attr<InfoAttr>();
  if (attr.info_len > sizeof info) {
    if (attr.info_len > 4096) return -E2BIG;
    int zero = call.task.memory.all_zero(attr.info + sizeof info, attr.info_len - sizeof info);
    if (zero <= 0) return zero < 0 ? zero : -E2BIG;
  }
  info = {};
  std::size_t size = std::min<std::size_t>(attr.info_len, sizeof info);
  return call.task.memory.read(&info, attr.info, size) ? 0 : -EFAULT;
}

void copy_name(char (&to)[uapi::obj_name_len], std::string_view name) {
  std::memcpy(to, name.data(), std::min(name.size(), sizeof to - 1));
}

long map_info(Call& call, const MapObject& object) {
  uapi::MapInfo info;
  if (long error = read_info(call, info)) return error;
  info = {};
  const maps::Definition& d = object.map->definition();
  info.type = static_cast<std::uint32_t>(d.type);
  info.id = object.id;
  info.key_size = d.key_size;
  info.value_size = d.value_size;
  info.max_entries = d.max_entries;
  info.map_flags = d.flags;
  info.map_extra = d.extra;
  copy_name(info.name, d.name);
  if (object.btf) {
    info.btf_id = object.btf->id;
    info.btf_key_type_id = object.btf_key_type_id;
    info.btf_value_type_id = object.btf_value_type_id;
  }
  return write_info(call, info);
}

// An array to a buffer of the caller with room for so many elements: as many as fit. `room` then says how
// many there are.
template <class T>
bool give_array(Call& call, std::span<const T> elements, std::uint64_t to, std::uint32_t& room) {
  std::size_t fit = std::min<std::size_t>(room, elements.size());
  room = static_cast<std::uint32_t>(elements.size());
  return fit == 0 || !to || call.task.memory.write(to, elements.data(), fit * sizeof(T));
}

// Machine code: its length, its bytes, and where each function is.
bool give_code(Call& call, const jit::Code& code, const uapi::ProgInfo& given, uapi::ProgInfo& info) {
  info.jited_prog_len = given.jited_prog_len;
  info.jited_prog_insns = given.jited_prog_insns;
  std::vector<std::uint64_t> starts;
  std::vector<std::uint32_t> lengths;
  for (const jit::Symbol& symbol : code.symbols()) {
    starts.push_back(reinterpret_cast<std::uint64_t>(symbol.at));
    lengths.push_back(static_cast<std::uint32_t>(symbol.size));
  }
  info.nr_jited_ksyms = given.nr_jited_ksyms;
  info.jited_ksyms = given.jited_ksyms;
  info.nr_jited_func_lens = given.nr_jited_func_lens;
  info.jited_func_lens = given.jited_func_lens;
  return give_array<std::uint8_t>(call, code.bytes(), given.jited_prog_insns, info.jited_prog_len) &&
         give_array<std::uint64_t>(call, starts, given.jited_ksyms, info.nr_jited_ksyms) &&
         give_array<std::uint32_t>(call, lengths, given.jited_func_lens, info.nr_jited_func_lens);
}

long prog_info(Call& call, ProgObject& object) {
  uapi::ProgInfo info;
  if (long error = read_info(call, info)) return error;
  uapi::ProgInfo given = info;
  info = {};
  info.type = static_cast<std::uint32_t>(object.image.type);
  info.id = object.id;
  info.load_time = object.load_time_ns;
  info.gpl_compatible = object.image.gpl;
  copy_name(info.name, object.image.name);
  info.verified_insns = object.verified_insns;
  if (object.code && !give_code(call, *object.code, given, info)) return -EFAULT;

  std::vector<std::uint32_t> ids;
  for (const auto& map : object.maps) ids.push_back(map->id);
  {
    std::lock_guard lock(object.bound_lock);
    for (const auto& map : object.bound) ids.push_back(map->id);
  }
  info.nr_map_ids = given.nr_map_ids;
  info.map_ids = given.map_ids;
  if (!give_array<std::uint32_t>(call, ids, given.map_ids, info.nr_map_ids)) return -EFAULT;

  auto bytes = static_cast<std::uint32_t>(object.insns.size() * sizeof(isa::Insn));
  info.xlated_prog_len = bytes;
  info.xlated_prog_insns = given.xlated_prog_insns;
  if (given.xlated_prog_len && !call.task.memory.write(given.xlated_prog_insns, object.insns.data(),
                                                       std::min(bytes, given.xlated_prog_len)))
    return -EFAULT;

  if (object.btf) {
    info.btf_id = object.btf->id;
    // Records go out in the sizes that are known here.
    info.func_info_rec_size = sizeof(verify::FuncInfo);
    info.line_info_rec_size = sizeof(verify::LineInfo);
    info.func_info = given.func_info;
    info.line_info = given.line_info;
    info.nr_func_info = given.nr_func_info;
    info.nr_line_info = given.nr_line_info;
    const LoadRequest& request = object.model->request;
    if (!give_array<verify::FuncInfo>(call, request.funcs, given.func_info, info.nr_func_info) ||
        !give_array<verify::LineInfo>(call, request.lines, given.line_info, info.nr_line_info))
      return -EFAULT;
  }
  return write_info(call, info);
}

long btf_info(Call& call, const BtfObject& object) {
  uapi::BtfInfo info;
  if (long error = read_info(call, info)) return error;
  uapi::BtfInfo given = info;
  info = {};
  info.id = object.id;
  info.btf = given.btf;
  const Buffer& bytes = object.kept->bytes;
  info.btf_size = static_cast<std::uint32_t>(bytes.size());
  if (given.btf && given.btf_size &&
      !call.task.memory.write(given.btf, bytes.data(), std::min(given.btf_size, info.btf_size)))
    return -EFAULT;
  return write_info(call, info);
}

template <class T>
long next_id(Call& call, Ids<T>& ids) {
  const auto& attr = call.attr<uapi::IdAttr>();
  if (attr.open_flags) return -EINVAL;
  std::uint32_t next = ids.next(attr.id);
  if (!next) return -ENOENT;
  return call.put(offsetof(uapi::IdAttr, next_id), next) ? 0 : -EFAULT;
}

}  // namespace

long obj_get_info(Call& call) {
  File file = call.task.files.find(static_cast<int>(call.attr<InfoAttr>().bpf_fd));
  if (!file.object) return -EBADF;
  switch (file.object->kind) {
    case Kind::map: return map_info(call, static_cast<MapObject&>(*file.object));
    case Kind::prog: return prog_info(call, static_cast<ProgObject&>(*file.object));
    case Kind::btf: return btf_info(call, static_cast<BtfObject&>(*file.object));
  }
  return -EINVAL;
}

long prog_next_id(Call& call) { return next_id(call, call.state.progs); }
long map_next_id(Call& call) { return next_id(call, call.state.maps); }
long btf_next_id(Call& call) { return next_id(call, call.state.btfs); }

long prog_fd_by_id(Call& call) {
  auto prog = call.state.progs.find(call.attr<uapi::IdAttr>().id);
  return prog ? call.task.files.add(File{prog}) : -ENOENT;
}

long map_fd_by_id(Call& call) {
  const auto& attr = call.attr<uapi::IdAttr>();
  std::uint32_t access = attr.open_flags;
  if ((access & ~(maps::map_flag::rdonly | maps::map_flag::wronly)) ||
      access == (maps::map_flag::rdonly | maps::map_flag::wronly))
    return -EINVAL;
  auto map = call.state.maps.find(attr.id);
  if (!map) return -ENOENT;
  return call.task.files.add(File{map, access != maps::map_flag::wronly, access != maps::map_flag::rdonly});
}

long btf_fd_by_id(Call& call) {
  auto btf = call.state.btfs.find(call.attr<uapi::IdAttr>().id);
  return btf ? call.task.files.add(File{btf}) : -ENOENT;
}

long btf_load(Call& call) {
  const auto& attr = call.attr<uapi::BtfLoadAttr>();
  constexpr std::uint32_t size_limit = 16 << 20;  // BTF_MAX_SIZE
  if (attr.btf_flags) return refuse(EINVAL, "BPF_BTF_LOAD: btf_flags {:#x} are unknown", attr.btf_flags);
  if (attr.btf_size > size_limit)
    return refuse(E2BIG, "BPF_BTF_LOAD: {} bytes, at most {}", attr.btf_size, size_limit);
  if (attr.btf_log_level > 7 || (attr.btf_log_buf != 0) != (attr.btf_log_size != 0) ||
      (attr.btf_log_buf && !attr.btf_log_level))
    return refuse(EINVAL, "BPF_BTF_LOAD: btf_log_level, btf_log_size and btf_log_buf do not go together");
  auto kept = std::make_shared<KeptBtf>();
  kept->bytes.resize(attr.btf_size);
  if (!call.task.memory.read(kept->bytes.data(), attr.btf, attr.btf_size)) return -EFAULT;
  Result<btf::Btf> parsed = btf::Btf::parse(kept->bytes);
  std::string log = parsed ? std::string() : parsed.error().message + "\n";
  long result = parsed ? 0 : refuse(std::move(parsed.error()));
  if (attr.btf_log_level && attr.btf_log_buf) {
    auto full = static_cast<std::uint32_t>(log.size() + 1);
    if (!call.put(offsetof(uapi::BtfLoadAttr, btf_log_true_size), full)) return -EFAULT;
    bool fits = full <= attr.btf_log_size;
    if (!fits) log.erase(0, log.size() - (attr.btf_log_size - 1));
    if (!call.task.memory.write(attr.btf_log_buf, log.c_str(), log.size() + 1)) return -EFAULT;
    if (!fits) return -ENOSPC;
  }
  if (result) return result;
  kept->types = std::make_unique<const btf::Btf>(std::move(*parsed));
  auto object = std::make_shared<BtfObject>();
  object->kept = std::move(kept);
  object->id = call.state.btfs.reserve();
  call.state.btfs.add(object);
  return call.task.files.add(File{object});
}

}  // namespace skep::runtime
