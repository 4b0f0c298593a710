// Programs without a loader around them: the `.data` files of bpf_conformance, and golden files for what
// they do not cover. Sections (a superset of bpf_conformance's):
//
//   -- asm      the program: GNU dialect in .data files, the kernel's in others. r1 points at the memory, r2
//               is its size, r3 points at the table.
//   -- mem      bytes in hexadecimal; `packet` in the setting makes it the packet of the context in r1
//   -- setting  lines of: `packet`, `arena`, `maps`, `table SLOT ...` (addresses of instructions, as an
//               insn_array holds them), `probe SLOT ...` (loads whose memory may be missing), `here` (no
//               kernel can judge it), `checked` (only the checked interpreter must find the fault),
//               `native` (only machine code does this)
//   -- result   the value of r0, or `fault`
//   -- after    the memory afterwards, where it must have changed
//
// Functions that programs may call: helper 5 returns its first argument (bpf_conformance's), kfunc 101 adds
// its five arguments, helper 102 calls r1 (a function) with 1 … r2 and adds what it returns, helper 1 looks
// up an element.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engines.h"

namespace skep::oracle {

struct Bare {
  std::string name, assembly, result;
  std::vector<std::uint8_t> memory, after;
  std::vector<std::uint32_t> table, probes;
  bool gnu = false, packet = false, arena = false, maps = false, here = false, has_after = false,
       checked_only = false, native = false;
};
Result<Bare> parse_bare(const std::string& path);

// The rows of the table that the program consists of.
std::vector<isa::OpId> bare_rows(const Bare& test);
// Empty if the engine gives the result that the file wants.
std::string run_bare(const Bare& test, EngineKind kind);
// In the kernel, memory being a map's value. `accepted`: whether the verifier took it.
std::string run_bare_in_kernel(const Bare& test, uapi::Sys& sys, bool* accepted);

}  // namespace skep::oracle
