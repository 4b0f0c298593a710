// The headers that BPF programs include (skep/bpf), carried in the binary: compiling needs no libbpf-dev.
#pragma once

#include <span>
#include <string_view>

namespace skep::cli {

struct EmbeddedFile {
  std::string_view path;  // as in #include <...>: "bpf/bpf_helpers.h"
  std::string_view text;
};

// In order of their paths; valid for the life of the process. Generated at build time by cmake/embed.cmake.
std::span<const EmbeddedFile> bpf_headers();

}  // namespace skep::cli
