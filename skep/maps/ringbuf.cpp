// Reserving, committing and mapping records of a ring buffer.
#include "skep/maps/ringbuf.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <mutex>

#include "skep/maps/families.h"

namespace skep::maps {
namespace {

struct Header {
  std::uint32_t length, page_offset;
};
constexpr std::uint64_t record_limit = 0xffffffff / 4;

Header* header_of(void* record) { return static_cast<Header*>(record) - 1; }

// Maps [offset, offset + length) of pages + data + data from the file that holds the data once.
void* map_twice(int file, std::uint64_t data_size, std::uint64_t offset, std::uint64_t length,
                int protection) {
  std::uint64_t once = 2 * page_size() + data_size;
  void* whole = mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (whole == MAP_FAILED) return nullptr;
  auto* at = static_cast<std::uint8_t*>(whole);
  for (std::uint64_t done = 0; done < length;) {
    std::uint64_t place = offset + done;
    std::uint64_t in_file = place < once ? place : place - data_size;
    std::uint64_t part = std::min(length - done, once - in_file);
    if (mmap(at + done, part, protection, MAP_SHARED | MAP_FIXED, file, static_cast<off_t>(in_file)) ==
        MAP_FAILED) {
      munmap(whole, length);
      return nullptr;
    }
    done += part;
  }
  return whole;
}

}  // namespace

Result<std::shared_ptr<Map>> Ringbuf::create(const Definition& d) {
  if (d.flags & map_flag::rb_overwrite)
    return invalid(d, "BPF_F_RB_OVERWRITE is not available in this runtime yet");
  if (d.max_entries % page_size())
    return invalid(d, "max_entries is {}, must be a power of two and a multiple of {}", d.max_entries,
                   page_size());
  std::shared_ptr<Ringbuf> ring(new Ringbuf(d));
  ring->file_ = base::Fd(memfd_create("skep-ringbuf", MFD_CLOEXEC));
  std::uint64_t once = 2 * page_size() + d.max_entries;
  if (!ring->file_ || ftruncate(ring->file_.number(), static_cast<off_t>(once)) != 0)
    return fail(ENOMEM, "map '{}': a memory file of {} bytes: {}", d.name, once, base::errno_text(errno));
  ring->pages_ = static_cast<std::uint8_t*>(
      map_twice(ring->file_.number(), d.max_entries, 0, once + d.max_entries, PROT_READ | PROT_WRITE));
  if (!ring->pages_)
    return fail(ENOMEM, "map '{}': mapping {} bytes: {}", d.name, once, base::errno_text(errno));
  return std::shared_ptr<Map>(ring);
}

Ringbuf::~Ringbuf() {
  if (pages_) munmap(pages_, 2 * page_size() + 2 * size());
}

std::uint32_t Ringbuf::record_size(const void* record) {
  const Header* header = static_cast<const Header*>(record) - 1;
  return __atomic_load_n(&header->length, __ATOMIC_RELAXED) & ~(rb_busy | rb_discard);
}

void* Ringbuf::reserve(std::uint64_t bytes) {
  if (bytes > record_limit) return nullptr;
  std::uint64_t length = round_up(bytes + sizeof(Header), 8);
  if (length > size()) return nullptr;
  std::uint64_t mask = size() - 1;
  std::uint64_t consumed = __atomic_load_n(consumer(), __ATOMIC_ACQUIRE);

  std::lock_guard lock(lock_);
  std::uint64_t at = __atomic_load_n(producer(), __ATOMIC_RELAXED);
  // Records are committed in any order: the oldest open one holds its place.
  while (pending_ != at) {
    auto* oldest = reinterpret_cast<Header*>(data() + (pending_ & mask));
    std::uint32_t word = __atomic_load_n(&oldest->length, __ATOMIC_ACQUIRE);
    if (word & rb_busy) break;
    pending_ += round_up((word & ~rb_discard) + sizeof(Header), 8);
  }
  // The consumer's page belongs to the reader: any number in it can only make the ring look full.
  if (at + length - consumed > mask || at + length - pending_ > mask) return nullptr;
  auto* header = reinterpret_cast<Header*>(data() + (at & mask));
  __atomic_store_n(&header->length, static_cast<std::uint32_t>(bytes) | rb_busy, __ATOMIC_RELAXED);
  header->page_offset = static_cast<std::uint32_t>((reinterpret_cast<std::uint8_t*>(header) - pages_) /
                                                   static_cast<std::ptrdiff_t>(page_size()));
  __atomic_store_n(producer(), at + length, __ATOMIC_RELEASE);
  return header + 1;
}

void Ringbuf::commit(void* record, std::uint64_t flags, bool discard) {
  Header* header = header_of(record);
  std::uint32_t length = __atomic_load_n(&header->length, __ATOMIC_RELAXED) & ~rb_busy;
  __atomic_exchange_n(&header->length, length | (discard ? rb_discard : 0), __ATOMIC_SEQ_CST);
  auto place = static_cast<std::uint64_t>(reinterpret_cast<std::uint8_t*>(header) - data()) & (size() - 1);
  bool caught_up = (__atomic_load_n(consumer(), __ATOMIC_ACQUIRE) & (size() - 1)) == place;
  if ((flags & rb_force_wakeup) || (caught_up && !(flags & rb_no_wakeup)))
    if (definition_.bell) definition_.bell->ring();
}

std::uint64_t Ringbuf::query(std::uint64_t what) const {
  switch (what) {
    case 0: {
      std::uint64_t consumed = __atomic_load_n(consumer(), __ATOMIC_ACQUIRE);
      return __atomic_load_n(producer(), __ATOMIC_ACQUIRE) - consumed;
    }
    case 1: return size();
    case 2: return __atomic_load_n(consumer(), __ATOMIC_ACQUIRE);
    case 3: return __atomic_load_n(producer(), __ATOMIC_ACQUIRE);
    default: return 0;
  }
}

long Ringbuf::map_memory(std::uint64_t offset, std::size_t length, bool writable, void** at) {
  std::uint64_t whole = 2 * page_size() + 2 * size();
  if (length == 0 || offset % page_size() || offset > whole || round_up(length, page_size()) > whole - offset)
    return -EINVAL;
  // Readers own the consumer's position and nothing else.
  if (writable && (offset != 0 || length != page_size())) return -EPERM;
  int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* mapped = map_twice(file_.number(), size(), offset, round_up(length, page_size()), protection);
  if (!mapped) return -ENOMEM;
  *at = mapped;
  return 0;
}

Made create_ringbuf(const Definition& d) { return Ringbuf::create(d); }

}  // namespace skep::maps
