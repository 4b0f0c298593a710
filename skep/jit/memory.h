// Executable memory: written once through a file descriptor, then mapped for reading and executing only. No
// page of it is ever writable in this process. Unmapped pages lie before and behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "skep/base/bytes.h"
#include "skep/base/result.h"

namespace skep::jit {

class CodeMemory {
 public:
  CodeMemory() = default;
  CodeMemory(CodeMemory&& other) noexcept
      : whole_(std::exchange(other.whole_, nullptr)), whole_size_(other.whole_size_), size_(other.size_) {}
  CodeMemory& operator=(CodeMemory&& other) noexcept {
    std::swap(whole_, other.whole_);
    std::swap(whole_size_, other.whole_size_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~CodeMemory();

  // A mapping of these bytes. ENOMEM, or what memfd_create(2) and mmap(2) said.
  static Result<CodeMemory> create(Bytes code, bool executable);

  const std::uint8_t* at() const;
  std::size_t size() const { return size_; }

 private:
  void* whole_ = nullptr;  // with the guard pages
  std::size_t whole_size_ = 0;
  std::size_t size_ = 0;
};

}  // namespace skep::jit
