// How everything in skep fails: Result<T> carries a value or an Error (an errno and a message).
//
//   Result<Btf> parse(Bytes bytes) {
//     Header header = TRY(read_header(bytes));
//     if (header.version != 1) return fail(EINVAL, ".BTF: version is {}, must be 1", header.version);
//     ...
//   }
//
// TRY(expr) yields the value or returns the error from the enclosing function. It initialises one variable or
// stands alone, never inside braces: GCC 12 leaks the temporaries of a half-built aggregate (tests/lint).
#pragma once

#include <fmt/core.h>

#include <cerrno>
#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace skep::base {

struct Error {
  int code = 0;         // an errno value, positive
  std::string message;  // lower case, names the thing, the number, what was expected; no trailing period

  // The same error with `context: ` in front of its message.
  Error in(std::string_view context) && {
    message.insert(0, ": ");
    message.insert(0, context);
    return std::move(*this);
  }
};

using Failure = std::unexpected<Error>;

// A value or an Error. [[nodiscard]] because std::expected of libstdc++ 12 is not.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  // The value; only after has_value() was seen to hold.
  T take() && { return std::move(**this); }
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  void take() && {}
};

// An error to return: fail(EINVAL, "map '{}': max_entries is 0, must be at least 1", name).
template <class... Args>
[[nodiscard]] Failure fail(int code, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

// "No such file or directory (ENOENT)"-style text of an errno value, for messages.
std::string errno_text(int code);
// "ENOENT" for 2; "errno 12345" for a number without a name.
std::string errno_name(int code);

}  // namespace skep::base

namespace skep {
using base::Error;
using base::fail;
using base::Failure;
using base::Result;
}  // namespace skep

#define TRY(expr)                                                   \
  __extension__({                                                   \
    auto try_result_ = (expr);                                      \
    if (!try_result_.has_value()) [[unlikely]]                      \
      return ::skep::base::Failure(std::move(try_result_).error()); \
    std::move(try_result_).take();                                  \
  })
