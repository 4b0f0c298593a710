// One instruction as text: the kernel's syntax as llvm-objdump --mcpu=v4 prints it, the same as the
// verifier's log has it, and the GNU assembler's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "skep/isa/decode.h"

namespace skep::isa {

enum class Dialect : std::uint8_t {
  kernel,  // r0 = *(u32 *)(r1 + 0x8)      if w1 s> -0x5 goto +0x3
  log,     // r0 = *(u32 *)(r1 +8)         if w1 s> 0xfffffffb goto pc+3
  gnu,     // ldxw %r0,[%r1+8]             jsgt32 %r1,-5,3
};

struct PrintOptions {
  Dialect dialect = Dialect::kernel;
  // Writes what the usual syntax keeps quiet about, so that assembling gives the same bytes back:
  // `r1 = map_fd(5) ll`, `call local +0x3`.
  bool exact = false;
  // log: the name of a helper, as "bpf_map_lookup_elem"; empty if unknown.
  std::string_view (*helper_name)(std::uint32_t id) = nullptr;
};

std::string print(const Decoded& decoded, const PrintOptions& options = {});
void print(std::string& out, const Decoded& decoded, const PrintOptions& options = {});

}  // namespace skep::isa
