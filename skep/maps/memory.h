// What map families are built from: lazily touched memory, copies that race with running programs, locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "skep/base/fd.h"
#include "skep/base/result.h"

namespace skep::maps {

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

// Zeroed memory of the process, mapped whole and touched page by page.
class Memory {
 public:
  Memory() = default;
  // ENOMEM: more than the address space, or with `backed` more than this machine's memory, as the kernel
  // refuses to allocate it; `what` names the map.
  static Result<Memory> reserve(std::uint64_t size, bool backed, std::string_view what);
  // The same on a memfd, so that users can map it again; the memory is `size` bytes rounded up to pages.
  static Result<Memory> shared(std::uint64_t size, std::string_view what);
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(size_, other.size_);
    std::swap(file_, other.file_);
    return *this;
  }
  ~Memory();

  std::uint8_t* at() const { return at_; }
  std::uint64_t size() const { return size_; }
  int file() const { return file_.number(); }  // -1 unless shared

 private:
  std::uint8_t* at_ = nullptr;
  std::uint64_t size_ = 0;
  base::Fd file_;
};

std::uint64_t page_size();

// Copies a value that a program may be writing or reading meanwhile. Both sides may be torn by such a race,
// as in the kernel, never worse.
inline void copy_value(void* to, const void* from, std::size_t size) {
#if defined(__SANITIZE_THREAD__)
  auto* t = static_cast<std::uint8_t*>(to);
  auto* f = static_cast<const std::uint8_t*>(from);
  for (std::size_t i = 0; i < size; i++)
    __atomic_store_n(t + i, __atomic_load_n(f + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
#else
  std::memcpy(to, from, size);
#endif
}
inline void zero_value(void* to, std::size_t size) {
#if defined(__SANITIZE_THREAD__)
  for (std::size_t i = 0; i < size; i++)
    __atomic_store_n(static_cast<std::uint8_t*>(to) + i, std::uint8_t{0}, __ATOMIC_RELAXED);
#else
  std::memset(to, 0, size);
#endif
}

// A lock held for tens of instructions.
class SpinLock {
 public:
  void lock() {
    for (unsigned spins = 0; held_.exchange(true, std::memory_order_acquire);) {
      while (held_.load(std::memory_order_relaxed))
        if (++spins > 200) std::this_thread::yield();
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

// The bpf_spin_lock word inside a value (BPF_F_LOCK).
class ValueLock {
 public:
  explicit ValueLock(void* word) : word_(static_cast<std::uint32_t*>(word)) {
    std::uint32_t free = 0;
    while (!__atomic_compare_exchange_n(word_, &free, 1u, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      free = 0;
      std::this_thread::yield();
    }
  }
  ~ValueLock() { __atomic_store_n(word_, 0u, __ATOMIC_RELEASE); }
  ValueLock(const ValueLock&) = delete;
  ValueLock& operator=(const ValueLock&) = delete;

 private:
  std::uint32_t* word_;
};

// Copies a value without its spin lock word (`lock_at` < 0: it has none).
inline void copy_around_lock(void* to, const void* from, std::size_t size, std::int32_t lock_at) {
  if (lock_at < 0) return copy_value(to, from, size);
  auto at = static_cast<std::size_t>(lock_at);
  copy_value(to, from, at);
  copy_value(static_cast<std::uint8_t*>(to) + at + 4, static_cast<const std::uint8_t*>(from) + at + 4,
             size - at - 4);
}

}  // namespace skep::maps
