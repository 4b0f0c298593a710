// memfd_create(2), write(2), mmap(2). Writing through the descriptor instead of a second, writable mapping
// leaves no moment at which the code could be overwritten through an address.
#include "skep/jit/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "skep/base/fd.h"

namespace skep::jit {
namespace {

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

CodeMemory::~CodeMemory() {
  if (whole_) munmap(whole_, whole_size_);
}

const std::uint8_t* CodeMemory::at() const {
  return whole_ ? static_cast<const std::uint8_t*>(whole_) + page_size() : nullptr;
}

Result<CodeMemory> CodeMemory::create(Bytes code, bool executable) {
  const std::size_t page = page_size();
  const std::size_t rounded = (code.size() + page - 1) / page * page;
  base::Fd file(memfd_create("skep-jit", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return fail(errno, "memory for compiled code: memfd_create failed");
  if (ftruncate(file.number(), static_cast<off_t>(rounded)) != 0)
    return fail(errno, "{} bytes of memory for compiled code are not to be had", rounded);
  for (std::size_t done = 0; done < code.size();) {
    ssize_t count = pwrite(file.number(), code.data() + done, code.size() - done, static_cast<off_t>(done));
    if (count <= 0) return fail(errno, "{} bytes of memory for compiled code are not to be had", rounded);
    done += static_cast<std::size_t>(count);
  }
  CodeMemory memory;
  memory.whole_size_ = rounded + 2 * page;
  memory.size_ = code.size();
  void* whole =
      mmap(nullptr, memory.whole_size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (whole == MAP_FAILED)
    return fail(errno, "{} bytes of address space are not to be had", memory.whole_size_);
  memory.whole_ = whole;
  void* at = mmap(static_cast<std::uint8_t*>(whole) + page, rounded, PROT_READ | (executable ? PROT_EXEC : 0),
                  MAP_SHARED | MAP_FIXED, file.number(), 0);
  if (at == MAP_FAILED) return fail(errno, "mapping {} bytes of compiled code failed", rounded);
  // Where instruction caches do not follow writes (AArch64), they must forget what stood here.
  __builtin___clear_cache(static_cast<char*>(at), static_cast<char*>(at) + rounded);
  return memory;
}

}  // namespace skep::jit
