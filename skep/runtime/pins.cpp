// Pinning and opening pins, and the directory verbs of Sys.
#include "skep/runtime/pins.h"

#include <algorithm>
#include <climits>

namespace skep::runtime {

Result<std::string> bpffs_path(std::string_view path) {
  if (!path.starts_with('/')) return fail(EINVAL, "path '{}': must be absolute", path);
  std::string clean;
  for (std::size_t at = 0; at < path.size();) {
    std::size_t end = std::min(path.find('/', at), path.size());
    std::string_view part = path.substr(at, end - at);
    if (part == "..") return fail(EINVAL, "path '{}': '..' is not allowed", path);
    if (part.size() > 255) return fail(ENAMETOOLONG, "path '{}': a name is longer than 255 bytes", path);
    if (!part.empty() && part != ".") (clean += '/') += part;
    at = end + 1;
  }
  if (clean != bpffs_root && !clean.starts_with(std::string(bpffs_root) + "/"))
    return fail(EPERM, "path '{}': not in bpffs ({})", path, bpffs_root);
  return clean;
}

namespace {

// The pins.mutex is held. A directory: the root, or a null entry.
long find_directory(const Pins& pins, const std::string& path) {
  if (path == bpffs_root) return 0;
  auto found = pins.entries.find(path);
  if (found == pins.entries.end()) return -ENOENT;
  return found->second.object ? -ENOTDIR : 0;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

long bpffs_add(Pins& pins, const std::string& path, File file) {
  std::unique_lock lock(pins.mutex);
  if (path == bpffs_root) return -EEXIST;
  if (long error = find_directory(pins, parent_of(path))) return error;
  return pins.entries.try_emplace(path, std::move(file)).second ? 0 : -EEXIST;
}

long obj_pin(Call& call) {
  const auto& attr = call.attr<uapi::ObjAttr>();
  if (attr.file_flags || attr.path_fd) return -EINVAL;
  char text[PATH_MAX];
  if (long length = call.task.memory.read_string(text, attr.pathname, sizeof text); length < 0)
    return length == -E2BIG ? -ENAMETOOLONG : length;
  File file = call.task.files.find(static_cast<int>(attr.bpf_fd));
  if (!file.object) return -EBADF;
  if (file.object->kind == Kind::btf) return refuse(EINVAL, "BPF_OBJ_PIN: BTF cannot be pinned");
  Result<std::string> path = bpffs_path(text);
  if (!path) return refuse(std::move(path.error()));
  // A pin does not carry the rights of the descriptor.
  return bpffs_add(call.state.pins, *path, File{file.object});
}

long obj_get(Call& call) {
  const auto& attr = call.attr<uapi::ObjAttr>();
  std::uint32_t access = attr.file_flags;
  constexpr std::uint32_t both = maps::map_flag::rdonly | maps::map_flag::wronly;
  if (attr.bpf_fd || attr.path_fd || (access & ~both) || access == both) return -EINVAL;
  char text[PATH_MAX];
  if (long length = call.task.memory.read_string(text, attr.pathname, sizeof text); length < 0)
    return length == -E2BIG ? -ENAMETOOLONG : length;
  Result<std::string> path = bpffs_path(text);
  if (!path) return refuse(std::move(path.error()));
  File file;
  {
    std::shared_lock lock(call.state.pins.mutex);
    auto found = call.state.pins.entries.find(*path);
    if (found == call.state.pins.entries.end()) return *path == bpffs_root ? -EACCES : -ENOENT;
    if (!found->second.object) return -EACCES;
    file = found->second;
  }
  // Only maps can be opened for reading or writing alone.
  if (access && file.object->kind != Kind::map) return -EINVAL;
  if (access) {
    file.may_read = access == maps::map_flag::rdonly;
    file.may_write = access == maps::map_flag::wronly;
  }
  return call.task.files.add(std::move(file));
}

Result<std::vector<uapi::BpffsEntry>> RuntimeSys::bpffs_list(const std::string& path) {
  std::string clean = TRY(bpffs_path(path));
  Pins& pins = runtime_.state().pins;
  std::shared_lock lock(pins.mutex);
  if (long error = find_directory(pins, clean))
    return fail(static_cast<int>(-error), "path '{}': no such directory in bpffs", path);
  std::vector<uapi::BpffsEntry> entries;
  std::string prefix = clean + "/";
  for (auto at = pins.entries.lower_bound(prefix); at != pins.entries.end() && at->first.starts_with(prefix);
       ++at)
    if (at->first.find('/', prefix.size()) == std::string::npos)
      entries.push_back({at->first.substr(prefix.size()), !at->second.object});
  return entries;
}

long RuntimeSys::bpffs_mkdir(const std::string& path) {
  Result<std::string> clean = bpffs_path(path);
  if (!clean) return refuse(std::move(clean.error()));
  return bpffs_add(runtime_.state().pins, *clean, File{});
}

long RuntimeSys::bpffs_unlink(const std::string& path) {
  Result<std::string> clean = bpffs_path(path);
  if (!clean) return refuse(std::move(clean.error()));
  if (*clean == bpffs_root) return -EBUSY;
  Pins& pins = runtime_.state().pins;
  File gone;  // dies after the lock
  std::unique_lock lock(pins.mutex);
  auto found = pins.entries.find(*clean);
  if (found == pins.entries.end()) return -ENOENT;
  auto inside = pins.entries.lower_bound(*clean + "/");
  if (inside != pins.entries.end() && inside->first.starts_with(*clean + "/")) return -ENOTEMPTY;
  gone = std::move(found->second);
  pins.entries.erase(found);
  return 0;
}

}  // namespace skep::runtime
