// Wakes those who wait for data in a map. Ringing costs one load when nobody waits.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace skep::maps {

class Bell {
 public:
  // After data was published with release order.
  void ring() {
    // A full barrier between the data and the question who waits, as one instruction.
    if (waiters_.fetch_add(0, std::memory_order_seq_cst) == 0) return;
    std::lock_guard lock(mutex_);
    rings_++;
    changed_.notify_all();
  }

  // Waits until `ready()` holds or `timeout_ms` has passed (negative: for ever); returns what ready() said
  // last.
  template <class Ready>
  bool wait(int timeout_ms, Ready&& ready) {
    if (ready()) return true;
    if (timeout_ms == 0) return false;
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    std::unique_lock lock(mutex_);
    bool found = ready();
    while (!found) {
      auto seen = rings_;
      auto rung = [&] { return rings_ != seen; };
      if (timeout_ms < 0) {
        changed_.wait(lock, rung);
      } else if (!changed_.wait_until(lock, until, rung)) {
        found = ready();
        break;
      }
      found = ready();
    }
    lock.unlock();
    waiters_.fetch_sub(1, std::memory_order_relaxed);
    return found;
  }

 private:
  std::atomic<unsigned> waiters_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned long rings_ = 0;
};

}  // namespace skep::maps
