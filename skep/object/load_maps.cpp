// Creating, filling and pinning maps.
#include <algorithm>
#include <bit>
#include <cstring>

#include "skep/object/loader.h"
#include "skep/uapi/flags.h"

namespace skep::object {
namespace {

using uapi::MapType;

constexpr std::uint32_t page_size = 4096;

bool is_map_in_map(MapType type) { return type == MapType::array_of_maps || type == MapType::hash_of_maps; }

// Types whose values the kernel does not describe with BTF: it refuses type ids for them.
constexpr MapType without_btf[] = {
    MapType::perf_event_array,
    MapType::cgroup_array,
    MapType::stack_trace,
    MapType::array_of_maps,
    MapType::hash_of_maps,
    MapType::devmap,
    MapType::devmap_hash,
    MapType::cpumap,
    MapType::xskmap,
    MapType::sockmap,
    MapType::sockhash,
    MapType::queue,
    MapType::stack,
    MapType::arena,
    MapType::prog_array,
    MapType::ringbuf,
    MapType::user_ringbuf,
    MapType::struct_ops,  // the kernel's own types
};

// Sizes of ring buffers: whole pages, a power of two.
std::uint32_t ring_size(std::uint32_t bytes) {
  if (bytes == 0 || bytes > 1u << 31) return bytes;  // the kernel says what is wrong with these
  return std::bit_ceil(std::max(bytes, page_size));
}

void adjust(MapSpec& map, uapi::Sys& sys) {
  if (map.type == MapType::ringbuf || map.type == MapType::user_ringbuf)
    map.max_entries = ring_size(map.max_entries);
  if (map.type == MapType::perf_event_array && map.max_entries == 0) map.max_entries = sys.possible_cpus();
}

}  // namespace

Result<uapi::Handle> Loader::create_map(MapSpec& map, int inner_fd, bool inner) {
  uapi::MapCreate create;
  create.type = map.type;
  if (!inner) create.name = map.name;
  create.key_size = map.key_size;
  create.value_size = map.value_size;
  create.max_entries = map.max_entries;
  create.flags = map.flags;
  // Before 5.5 arrays could not be mapped: libbpf drops the flag there too, the others work without.
  constexpr uapi::KernelVersion maps_arrays{5, 5, 0};
  if (map.is_internal() && sys_.kernel_version() < maps_arrays) create.flags &= ~uapi::map_mmapable;
  create.inner_map_fd = inner_fd;
  create.ifindex = map.ifindex;
  create.extra = map.map_extra;
  if (map.numa_node != 0 || (map.flags & uapi::map_numa_node)) create.numa_node = map.numa_node;
  bool typed = object_.btf_fd() >= 0 && (map.key_type_id != 0 || map.value_type_id != 0) &&
               std::find(std::begin(without_btf), std::end(without_btf), map.type) == std::end(without_btf);
  if (typed) {
    create.btf_fd = object_.btf_fd();
    create.btf_key_type_id = map.key_type_id;
    create.btf_value_type_id = map.value_type_id;
  }
  for (const StructOps& ops : struct_ops_) {
    if (inner || &object_.maps_[ops.map].spec_ != &map) continue;
    create.btf_fd = object_.btf_fd();
    create.btf_vmlinux_value_type_id = ops.value_id;
  }
  Result<uapi::Handle> handle = uapi::map_create(sys_, create);
  if (!handle && typed) {
    create.btf_fd = -1;
    create.btf_key_type_id = create.btf_value_type_id = 0;
    Result<uapi::Handle> plain = uapi::map_create(sys_, create);
    if (plain) {
      note(fmt::format("map '{}': created without BTF: {}", map.name, handle.error().message));
      return plain;
    }
  }
  if (!handle) return Failure(std::move(handle).error().in(fmt::format("map '{}'", map.name)));
  return handle;
}

// The map pinned at `path`; no handle if there is none. It must be of the same shape.
Result<uapi::Handle> Loader::reuse_pinned(const MapSpec& map, const std::string& path) {
  Result<uapi::Handle> pinned = uapi::obj_get(sys_, path);
  if (!pinned) {
    if (pinned.error().code == ENOENT) return uapi::Handle();
    return Failure(std::move(pinned).error().in(fmt::format("map '{}'", map.name)));
  }
  uapi::MapInfo info = TRY(uapi::map_info(sys_, pinned->fd()));
  auto mismatch = [&](std::string_view what, std::uint64_t has, std::uint64_t wanted) {
    return fail(EINVAL, "map '{}': parameter mismatch with the one pinned at '{}': {} is {}, must be {}",
                map.name, path, what, has, wanted);
  };
  if (info.type != static_cast<std::uint32_t>(map.type))
    return mismatch("type", info.type, static_cast<std::uint32_t>(map.type));
  if (info.key_size != map.key_size) return mismatch("key_size", info.key_size, map.key_size);
  if (info.value_size != map.value_size) return mismatch("value_size", info.value_size, map.value_size);
  if (info.max_entries != map.max_entries) return mismatch("max_entries", info.max_entries, map.max_entries);
  // The kernel adds BPF_F_RDONLY_PROG to device maps by itself.
  std::uint32_t added =
      map.type == MapType::devmap || map.type == MapType::devmap_hash ? uapi::map_rdonly_prog : 0;
  if ((info.map_flags & ~added) != (map.flags & ~added)) return mismatch("flags", info.map_flags, map.flags);
  if (info.map_extra != map.map_extra) return mismatch("map_extra", info.map_extra, map.map_extra);
  return pinned;
}

Result<void> Loader::pin_map(const Map& map, const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1))
    sys_.bpffs_mkdir(path.substr(0, slash));  // most exist; what is missing shows when pinning
  Result<void> pinned = uapi::obj_pin(sys_, map.fd(), path);
  if (!pinned) return Failure(std::move(pinned).error().in(fmt::format("map '{}'", map.name())));
  return {};
}

Result<void> Loader::fill_map(Map& map) {
  MapSpec& spec = map.spec_;
  if (spec.type == MapType::arena) {
    // Mapped as a whole once, with or without globals: the first mapping fixes its address, and a program
    // that computes user addresses is refused before that.
    std::size_t length = std::size_t{spec.max_entries} * page_size;
    if (spec.contents.size() > length)
      return fail(E2BIG, "map '{}': {} bytes of globals do not fit into its {} pages", spec.name,
                  spec.contents.size(), spec.max_entries);
    void* at = nullptr;
    if (long result = sys_.map(map.fd(), 0, length, true, &at); result < 0)
      return fail(static_cast<int>(-result), "map '{}': cannot map its globals: {}", spec.name,
                  base::errno_text(static_cast<int>(-result)));
    if (!spec.contents.empty()) std::memcpy(at, spec.contents.data(), spec.contents.size());
    sys_.unmap(at, length);
    return {};
  }
  if (!spec.is_internal()) return {};
  std::uint32_t key = 0;
  if (!spec.contents.empty()) {  // empty: a .bss, which is all zeros already
    if (spec.contents.size() != spec.value_size)
      return fail(EINVAL, "map '{}': {} bytes of contents, its value has {}", spec.name, spec.contents.size(),
                  spec.value_size);
    if (long result = uapi::map_update(sys_, map.fd(), &key, spec.contents.data()); result < 0)
      return fail(static_cast<int>(-result), "map '{}': cannot set its contents: {}", spec.name,
                  base::errno_text(static_cast<int>(-result)));
  }
  if (spec.freeze)
    if (long result = uapi::map_freeze(sys_, map.fd()); result < 0)
      note(fmt::format("map '{}': not frozen: {}", spec.name, base::errno_text(static_cast<int>(-result))));
  return {};
}

Result<void> Loader::create_maps() {
  for (Map& map : object_.maps_) {
    MapSpec& spec = map.spec_;
    if (!spec.autocreate) continue;
    adjust(spec, sys_);
    std::string path = spec.pin_path;
    if (path.empty() && spec.pinning == Pinning::by_name) path = options_.pin_root + "/" + spec.name;
    if (!path.empty()) {
      map.handle_ = TRY(reuse_pinned(spec, path));
      map.reused_ = map.fd() >= 0;
      if (map.reused_) continue;
    }
    uapi::Handle inner;
    if (is_map_in_map(spec.type)) {
      if (spec.inner.empty())
        return fail(EINVAL, "map '{}': a map-in-map needs a template for its values (__array(values, ...))",
                    spec.name);
      adjust(spec.inner[0], sys_);
      inner = TRY(create_map(spec.inner[0], -1, true));
    }
    map.handle_ = TRY(create_map(spec, inner.fd(), false));
    TRY(fill_map(map));
    if (!path.empty()) TRY(pin_map(map, path));
  }
  return {};
}

Result<void> Loader::fill_inner_maps() {
  for (Map& map : object_.maps_) {
    if (map.fd() < 0 || map.reused_) continue;
    for (const InitialSlot& slot : map.spec_.initial) {
      if (slot.is_program) continue;
      if (slot.index >= object_.maps_.size() || object_.maps_[slot.index].fd() < 0)
        return fail(ENOENT, "map '{}': slot {} names a map that was not created", map.name(), slot.key);
      const Map& inner = object_.maps_[slot.index];
      int fd = inner.fd();
      if (long result = uapi::map_update(sys_, map.fd(), &slot.key, &fd); result < 0)
        return fail(static_cast<int>(-result), "map '{}': cannot put map '{}' into slot {}: {}", map.name(),
                    inner.name(), slot.key, base::errno_text(static_cast<int>(-result)));
    }
  }
  return {};
}

Result<void> Loader::fill_program_slots() {
  for (Map& map : object_.maps_) {
    if (map.fd() < 0 || map.reused_ || map.spec_.origin == MapOrigin::struct_ops) continue;
    for (const InitialSlot& slot : map.spec_.initial) {
      if (!slot.is_program || slot.index >= object_.programs_.size()) continue;
      const Program& program = object_.programs_[slot.index];
      if (program.fd() < 0) {
        note(fmt::format("map '{}': slot {} stays empty: program '{}' is not loaded", map.name(), slot.key,
                         program.name()));
        continue;
      }
      int fd = program.fd();
      if (long result = uapi::map_update(sys_, map.fd(), &slot.key, &fd); result < 0)
        return fail(static_cast<int>(-result), "map '{}': cannot put program '{}' into slot {}: {}",
                    map.name(), program.name(), slot.key, base::errno_text(static_cast<int>(-result)));
    }
  }
  return {};
}

}  // namespace skep::object
