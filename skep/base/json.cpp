// The streaming JSON writer.
#include "skep/base/json.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace skep::base {

namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none (Unicode table 3-7).
std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xc2 && b <= 0xdf) return tail(1) ? 2 : 0;
  if (b >= 0xe0 && b <= 0xef) {
    if (b == 0xe0 && byte(1) < 0xa0) return 0;
    if (b == 0xed && byte(1) > 0x9f) return 0;
    return tail(1) && tail(2) ? 3 : 0;
  }
  if (b >= 0xf0 && b <= 0xf4) {
    if (b == 0xf0 && byte(1) < 0x90) return 0;
    if (b == 0xf4 && byte(1) > 0x8f) return 0;
    return tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void escape(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    unsigned char c = static_cast<unsigned char>(text[0]);
    std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  out += '"';
}

}  // namespace

void JsonWriter::newline() {
  if (!pretty_) return;
  out_ += '\n';
  out_.append(closers_.size() * 2, ' ');
}

void JsonWriter::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (closers_.empty()) return;
  if (!first_) out_ += ',';
  newline();
}

void JsonWriter::open(char opening, char closing) {
  separate();
  out_ += opening;
  closers_.push_back(closing);
  first_ = true;
}

void JsonWriter::end() {
  char closing = closers_.back();
  closers_.pop_back();
  if (!first_) newline();
  out_ += closing;
  first_ = false;
  if (closers_.empty() && pretty_) out_ += '\n';
}

void JsonWriter::key(std::string_view name) {
  separate();
  escape(out_, name);
  out_ += pretty_ ? ": " : ":";
  after_key_ = true;
  first_ = false;
}

void JsonWriter::string(std::string_view text) {
  separate();
  escape(out_, text);
  first_ = false;
}
void JsonWriter::number(std::int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  first_ = false;
}
void JsonWriter::number(std::uint64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  first_ = false;
}
void JsonWriter::number(double value) {
  separate();
  if (std::isfinite(value))
    fmt::format_to(std::back_inserter(out_), "{}", value);
  else
    out_ += "null";
  first_ = false;
}
void JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
  first_ = false;
}
void JsonWriter::null() {
  separate();
  out_ += "null";
  first_ = false;
}

std::string JsonWriter::take() { return std::exchange(out_, {}); }

}  // namespace skep::base
