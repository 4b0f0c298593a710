// CO-RE: adapts a program to the types of the kernel that it is loaded into. Pure.
//
// Each record names a local type, a path into it and a question (where is this field, how large is it, does
// this type exist …). The answer for the target's types is written into one instruction. Kinds and path
// grammar: the kernel's Documentation/bpf/llvm_reloc.rst, section "CO-RE Relocations"; which types match
// ("flavours" struct x___old, sizes that may differ, ambiguity) is libbpf's behaviour.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "skep/base/result.h"
#include "skep/btf/btf.h"
#include "skep/object/spec.h"

namespace skep::object {

// What stands in the place of an instruction whose question has no answer: the verifier refuses it only if
// the program can reach it.
inline constexpr std::int32_t kfunc_poison = 2002000000;  // plus the number of the absent kfunc's extern
inline constexpr std::int32_t core_poison = 195896080;    // call 0xbad2310

// Applies all records of `program` to its instructions. `local` holds the program's types, `targets` the
// kernel's: vmlinux, then modules. A record without an answer poisons its instruction and adds a line to
// `notes`. EINVAL for malformed records, ambiguous candidates and instructions that cannot hold the answer;
// messages name program, slot and type.
Result<void> apply_core(ProgramSpec& program, const btf::Btf& local, std::span<const btf::Btf* const> targets,
                        std::vector<std::string>& notes);

// Whether any record asks about the target; local type ids need none.
bool needs_target(const ProgramSpec& program);

// The name without its flavour: "task_struct" of "task_struct___old".
std::string_view without_flavour(std::string_view name);

}  // namespace skep::object
