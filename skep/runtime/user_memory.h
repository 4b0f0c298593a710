// The caller's memory, as the commands of bpf(2) see it: copies that meet an unmapped or protected page stop
// and say so (EFAULT); they never crash the process.
//
// For this process the copy runs under a SIGSEGV and SIGBUS handler that knows the copy's own instructions
// and lets every other fault pass to whoever was there before (x86-64, AArch64). Elsewhere
// process_vm_readv(2) and process_vm_writev(2) copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace skep::runtime {

// Copies `size` bytes within this process; false if either side cannot be accessed (what was copied before
// stays).
bool copy_guarded(void* to, const void* from, std::size_t size);

// Makes this process' handler of SIGSEGV and SIGBUS the one that knows the copies above and compiled programs
// (jit::recover). Called before the first run of compiled code; any number of times.
void own_faults();

class UserMemory {
 public:
  // Copies from the user's address; false: EFAULT.
  bool read(void* to, std::uint64_t from, std::size_t size) const {
    return size == 0 || (from != 0 && copy_guarded(to, reinterpret_cast<const void*>(from), size));
  }
  bool write(std::uint64_t to, const void* from, std::size_t size) const {
    return size == 0 || (to != 0 && copy_guarded(reinterpret_cast<void*>(to), from, size));
  }
  template <class T>
  bool put(std::uint64_t to, const T& value) const {
    static_assert(std::is_trivially_copyable_v<T>);
    return write(to, &value, sizeof value);
  }
  // Reads a NUL-terminated string of less than `limit` bytes into `to`; its length, -EFAULT, or -E2BIG when
  // there is no NUL.
  long read_string(char* to, std::uint64_t from, std::size_t limit) const;
  // Whether all of [from, from + size) is zero: 1, 0, or -EFAULT.
  int all_zero(std::uint64_t from, std::size_t size) const;
};

}  // namespace skep::runtime
