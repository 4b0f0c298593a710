// A file descriptor of this process with an owner. Descriptors of the user-space runtime are never held here:
// they belong to uapi::Sys.
#pragma once

#include <utility>

namespace skep::base {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Fd();

  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  // Gives the descriptor away; the caller closes it.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

}  // namespace skep::base
