// A CO-RE record in words.
#pragma once

#include <string>

#include "skep/btf/ext.h"

namespace skep::object {

// "<byte_off> [5] struct task_struct::group_leader (0:3)", as llvm-objdump -r writes it. A record that does
// not fit its type is shown with its access string and the reason: "<byte_off> [5] '0:77' <member 77 ...>".
std::string print_core(const btf::Btf& btf, const btf::CoreRelocation& relocation);

}  // namespace skep::object
