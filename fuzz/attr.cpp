// A caller that says anything to bpf(2): the input is a sequence of command, size and attr bytes, and also
// what the caller's memory begins with. That memory is 8 KiB before a desert; each 8-byte word that could be
// an address of something else in this process is turned towards it, the others stay wild. Nothing may stay
// behind when the caller has gone.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "skep/base/check.h"
#include "skep/runtime/runtime.h"
#include "skep/uapi/calls.h"

using namespace skep;

namespace {

constexpr std::size_t memory_bytes = 8192, desert_bytes = std::size_t{1} << 40;

std::uint8_t* map_memory() {
  void* at = mmap(nullptr, desert_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(at != MAP_FAILED && mprotect(at, memory_bytes, PROT_READ | PROT_WRITE) == 0, "memory of the caller");
  return static_cast<std::uint8_t*>(at);
}

// Programs and libraries, heaps, stacks and the sanitizer's shadow lie in these two ranges.
void tame(std::uint8_t* bytes, std::size_t size, const std::uint8_t* memory) {
  for (std::size_t at = 0; at + 8 <= size; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes + at, 8);
    if ((word >> 43 == 0 || word >> 47 != 0) && (word < 0x7fff8000 || word >= 0x90000000)) continue;
    word = reinterpret_cast<std::uint64_t>(memory) + (word & (memory_bytes - 8));
    std::memcpy(bytes + at, &word, 8);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::uint8_t* const memory = map_memory();
  std::memset(memory, 0, memory_bytes);
  if (size) std::memcpy(memory, data, std::min(size, memory_bytes));
  auto runtime = runtime::Runtime::create({.possible_cpus = 2,
                                           .deterministic = true,
                                           .verify = size % 2 == 0,
                                           .budget = 3000,
                                           .kernel_btf = "/dev/null"});
  check(runtime.has_value(), "a runtime");
  bool pinned = false;
  {
    runtime::RuntimeSys sys(**runtime);
    for (unsigned calls = 0; size >= 2 && calls < 64; calls++) {
      auto command = static_cast<uapi::Command>(data[0]);
      std::uint32_t given = data[1];
      std::size_t there = std::min<std::size_t>(given, size - 2);
      std::uint8_t* attr = memory + memory_bytes - (there + 7) / 8 * 8;  // more than is there is a fault
      if (there) std::memcpy(attr, data + 2, there);
      data += 2 + there;
      size -= 2 + there;
      if (command == uapi::Command::prog_test_run && there > offsetof(uapi::ProgTestRunAttr, repeat) + 4)
        std::memset(attr + offsetof(uapi::ProgTestRunAttr, repeat) + 1, 0, 3);  // 255 times is enough
      if (command == uapi::Command::map_create && there >= offsetof(uapi::MapCreateAttr, max_entries) + 4)
        std::memset(attr + offsetof(uapi::MapCreateAttr, max_entries) + 2, 0,
                    2);  // 65,535 elements are enough
      tame(memory, memory_bytes, memory);
      long result = sys.bpf(command, attr, given);
      pinned |= command == uapi::Command::obj_pin && result == 0;
    }
  }
  runtime::RuntimeSys other(**runtime);
  for (auto kind : {uapi::ObjectKind::prog, uapi::ObjectKind::map, uapi::ObjectKind::btf}) {
    auto id = uapi::next_id(other, kind, 0);
    check(pinned || (id && !*id), "what nobody holds has gone");
  }
  return 0;
}
