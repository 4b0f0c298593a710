// Where an object comes from: a file, or C source compiled on the way.
#pragma once

#include <string>

#include "skep/base/bytes.h"
#include "skep/base/result.h"

namespace skep::cli {

// The object's bytes. A path that ends in .c is compiled with $SKEP_CLANG, clang, or clang-19 ... clang-14,
// with skep's own BPF headers in front of the system's. The compiler's messages go to standard error. ENOENT
// with the apt line when there is no clang, EINVAL when the source does not compile.
Result<Buffer> read_object(const std::string& path);

// What the object is called in messages and map names: the file's name without folder and without .bpf.c,
// .bpf.o, .o.
std::string object_name(const std::string& path);

}  // namespace skep::cli
