// How numbers and tables look on a terminal.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace skep::cli {

// Writes to `file`; what goes wrong shows in its ferror(), which main looks at (fmt::print would throw).
template <class... Args>
void say(std::FILE* file, fmt::format_string<Args...> format, Args&&... args) {
  std::string text = fmt::format(format, std::forward<Args>(args)...);
  std::fwrite(text.data(), 1, text.size(), file);
}
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say(stdout, format, std::forward<Args>(args)...);
}

// Text that came from a file, fit for a terminal: control characters but newline and tab become \xNN.
std::string printable(std::string_view text);

// 1234567 -> "1,234,567"
std::string grouped(std::uint64_t number);
// 1.25e6 -> "1.25 million", 950 -> "950"
std::string short_number(double number);
// 0.0012 -> "1.20 ms"
std::string short_time(double seconds);

// Rows under a header; numbers (cells that begin with a digit) are right-aligned. Ends with a newline.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string print(std::string_view indent = "  ") const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A bar on standard error while something long goes on; silent when that is no terminal or the work is short.
class Progress {
 public:
  // `total` of 0: unknown, counts only.
  explicit Progress(std::uint64_t total);
  ~Progress();
  // Cheap enough to be called for each thousand packets.
  void update(std::uint64_t done, std::uint64_t packets);

 private:
  std::uint64_t total_;
  double started_, shown_ = 0;
  bool terminal_;
};

// Seconds of a steady clock.
double now_seconds();

}  // namespace skep::cli
