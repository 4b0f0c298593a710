// A descriptor of a Sys with an owner: closed through the Sys that gave it.
#pragma once

#include <utility>

#include "skep/uapi/sys.h"

namespace skep::uapi {

// Move-only. The Sys must outlive its handles.
class Handle {
 public:
  Handle() = default;
  Handle(Sys& sys, int fd) : sys_(&sys), fd_(fd) {}
  Handle(Handle&& other) noexcept : sys_(other.sys_), fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(sys_, other.sys_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Handle() {
    if (fd_ >= 0) sys_->close(fd_);
  }

  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  Sys& sys() const { return *sys_; }
  // Gives the descriptor away; the caller closes it through sys().
  int release() { return std::exchange(fd_, -1); }
  // Closes now and says how it went: 0 or -errno (-EBADF if there is nothing to close).
  long close() { return fd_ >= 0 ? sys_->close(release()) : -EBADF; }

 private:
  Sys* sys_ = nullptr;
  int fd_ = -1;
};

}  // namespace skep::uapi
