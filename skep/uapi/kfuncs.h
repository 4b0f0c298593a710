// The kernel functions (kfuncs) that programs may call: what BTF does not say of them. Their prototypes are
// the kernel BTF's FUNCs, and the rules of single arguments hide in argument names (__sz, __k, __nullable
// ...).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "skep/uapi/evidence.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {

// The kernel's KF_* flags (include/linux/btf.h; Documentation/bpf/kfuncs.rst), with its values.
namespace kf {
inline constexpr std::uint32_t acquire = 1, release = 2, ret_null = 4, trusted_args = 16, sleepable = 32,
                               destructive = 64, rcu = 128, iter_new = 256, iter_next = 512,
                               iter_destroy = 1024, rcu_protected = 2048, fastcall = 4096;
}

struct Kfunc {
  std::string_view name;
  std::uint32_t flags;
  std::uint64_t prog_types;  // bit n: program type n may call it (ext: what its target may)
  std::uint16_t since;
  std::string_view evidence;
};

// All rows, sorted by name.
std::span<const Kfunc> kfuncs();
// Null if unknown.
const Kfunc* find_kfunc(std::string_view name);

}  // namespace skep::uapi
