// Numbers, tables, the progress bar.
#include "cli/text.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace skep::cli {

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string short_number(double number) {
  if (number >= 1e9) return fmt::format("{:.2f} billion", number / 1e9);
  if (number >= 1e6) return fmt::format("{:.2f} million", number / 1e6);
  if (number >= 1e4) return grouped(static_cast<std::uint64_t>(number));
  return fmt::format("{:.0f}", number);
}

std::string short_time(double seconds) {
  if (seconds >= 1) return fmt::format("{:.2f} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.1f} us", seconds * 1e6);
}

std::string Table::print(std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); i++) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], row[i].size());
    }
  auto is_number = [&](std::size_t column) {
    return rows_.size() > 1 && std::all_of(rows_.begin() + 1, rows_.end(), [&](const auto& row) {
             return column >= row.size() || row[column].empty() ||
                    (row[column][0] >= '0' && row[column][0] <= '9');
           });
  };
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); i++) {
      if (i) line += "  ";
      line +=
          is_number(i) ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Progress::Progress(std::uint64_t total)
    : total_(total), started_(now_seconds()), terminal_(::isatty(2) == 1) {}

void Progress::update(std::uint64_t done, std::uint64_t packets) {
  double now = now_seconds();
  if (!terminal_ || now - started_ < 0.5 || now - shown_ < 0.1) return;
  shown_ = now;
  if (total_) {
    constexpr std::size_t width = 30;
    double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
    auto filled = static_cast<std::size_t>(part * width);
    say(stderr, "\r[{}{}] {:3.0f} %  {} packets ", std::string(filled, '#'), std::string(width - filled, '.'),
        part * 100, grouped(packets));
  } else {
    say(stderr, "\r{} packets ", grouped(packets));
  }
  std::fflush(stderr);
}

Progress::~Progress() {
  if (shown_ > 0) say(stderr, "\r\033[K");
}

}  // namespace skep::cli
