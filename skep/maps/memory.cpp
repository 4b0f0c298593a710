// Mapping the memory of maps.
#include "skep/maps/memory.h"

#include <sys/mman.h>
#include <unistd.h>

namespace skep::maps {

std::uint64_t page_size() {
  static const auto size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return size;
}

namespace {

std::uint64_t machine_memory() {
  static const std::uint64_t bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * page_size();
  return bytes;
}

constexpr std::uint64_t address_limit = std::uint64_t{1} << 44;

// Small memory goes below 2 GiB where the system can do that: its addresses then fit into the operands of
// x86-64 instructions. There is a gigabyte of such room, so larger memory stays away from it.
void* map_pages(std::uint64_t size, int flags, int file) {
#if defined(MAP_32BIT)
  constexpr std::uint64_t small = 1 << 20;
  if (size <= small) {
    void* low = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_32BIT, file, 0);
    if (low != MAP_FAILED) return low;
  }
#endif
  return mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, file, 0);
}

}  // namespace

Result<Memory> Memory::reserve(std::uint64_t size, bool backed, std::string_view what) {
  std::uint64_t limit = backed ? machine_memory() : address_limit;
  if (size > limit) return fail(ENOMEM, "map '{}': needs {} bytes, this machine gives {}", what, size, limit);
  size = round_up(size ? size : 1, page_size());
  void* at = map_pages(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
  if (at == MAP_FAILED)
    return fail(ENOMEM, "map '{}': mapping {} bytes: {}", what, size, base::errno_text(errno));
  Memory memory;
  memory.at_ = static_cast<std::uint8_t*>(at);
  memory.size_ = size;
  return memory;
}

Result<Memory> Memory::shared(std::uint64_t size, std::string_view what) {
  if (size > machine_memory())
    return fail(ENOMEM, "map '{}': needs {} bytes, this machine gives {}", what, size, machine_memory());
  size = round_up(size ? size : 1, page_size());
  Memory memory;
  memory.file_ = base::Fd(memfd_create("skep-map", MFD_CLOEXEC));
  if (!memory.file_ || ftruncate(memory.file_.number(), static_cast<off_t>(size)) != 0)
    return fail(ENOMEM, "map '{}': a memory file of {} bytes: {}", what, size, base::errno_text(errno));
  void* at = map_pages(size, MAP_SHARED | MAP_NORESERVE, memory.file_.number());
  if (at == MAP_FAILED)
    return fail(ENOMEM, "map '{}': mapping {} bytes: {}", what, size, base::errno_text(errno));
  memory.at_ = static_cast<std::uint8_t*>(at);
  memory.size_ = size;
  return memory;
}

Memory::~Memory() {
  if (at_) munmap(at_, size_);
}

}  // namespace skep::maps
