// The ring buffer: records from programs to readers, in one order over all CPUs.
//
// The file behind it, as bpf(2) users map it: a page with the consumer's position (readers write it), a page
// with the producer's, then the data, which appears twice in a row so that no record is ever split. A record
// is an 8-byte header { u32 length and flags; u32 page offset } and its bytes, rounded up to 8. The busy bit
// stands until the record is submitted; the discard bit tells readers to skip it.
// Facts: Documentation/bpf/ringbuf.rst.
#pragma once

#include "skep/maps/map.h"
#include "skep/maps/memory.h"

namespace skep::maps {

// Flags of submit, discard and output.
inline constexpr std::uint64_t rb_no_wakeup = 1, rb_force_wakeup = 2;  // BPF_RB_NO_WAKEUP …
inline constexpr std::uint32_t rb_busy = 1u << 31, rb_discard = 1u << 30;

class Ringbuf final : public Map {
 public:
  static Result<std::shared_ptr<Map>> create(const Definition& d);
  ~Ringbuf() override;

  // The bytes of a new record of `size` bytes, or null when there is no room.
  void* reserve(std::uint64_t size);
  // Ends a record that reserve() gave.
  void commit(void* record, std::uint64_t flags, bool discard);
  // Whether an address lies in this ring's data.
  bool owns(const void* record) const {
    return static_cast<const std::uint8_t*>(record) - data() >= static_cast<std::ptrdiff_t>(8) &&
           static_cast<const std::uint8_t*>(record) < data() + 2 * size();
  }
  // What bpf_ringbuf_query answers: BPF_RB_AVAIL_DATA 0, RING_SIZE 1, CONS_POS 2, PROD_POS 3.
  std::uint64_t query(std::uint64_t what) const;
  // Size that a record was reserved with.
  static std::uint32_t record_size(const void* record);

  bool waitable() const override { return true; }
  bool readable() const override { return query(0) != 0; }
  long map_memory(std::uint64_t offset, std::size_t length, bool writable, void** at) override;

 private:
  explicit Ringbuf(const Definition& d) : Map(d) {}
  std::uint64_t* consumer() const { return reinterpret_cast<std::uint64_t*>(pages_); }
  std::uint64_t* producer() const { return reinterpret_cast<std::uint64_t*>(pages_ + page_size()); }
  std::uint8_t* data() const { return pages_ + 2 * page_size(); }
  std::uint64_t size() const { return definition_.max_entries; }

  base::Fd file_;
  std::uint8_t* pages_ = nullptr;
  SpinLock lock_;
  std::uint64_t pending_ = 0;  // position of the oldest record that is not committed
};

}  // namespace skep::maps
