// The virtual bpffs: names for objects, in directories. Mounted at /sys/fs/bpf; other paths are not bpffs.
#pragma once

#include <string>
#include <string_view>

#include "skep/base/result.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

inline constexpr std::string_view bpffs_root = "/sys/fs/bpf";

// A path without double slashes, "." and a trailing slash. Fails with EINVAL for one that is not absolute or
// climbs with "..", EPERM (what BPF_OBJ_PIN says elsewhere) outside of bpffs.
Result<std::string> bpffs_path(std::string_view path);

// Enters an object (or with a null object a directory) under a path that bpffs_path() gave: 0, or -EEXIST,
// -ENOENT when its directory is not there, -ENOTDIR.
long bpffs_add(Pins& pins, const std::string& path, File file);

}  // namespace skep::runtime
