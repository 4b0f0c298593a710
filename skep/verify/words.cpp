// Values and pieces of C in words, for explanations.
#include <array>

#include <fmt/format.h>

#include "skep/verify/story.h"

namespace skep::verify {

namespace {

using Text = std::string_view;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool starts_name(char c) { return is_name(c) && !(c >= '0' && c <= '9'); }

std::string number(std::int64_t value) { return fmt::format("{}", value); }

struct KindRow {
  Text kind, words;
};
// What a pointer kind of the log points to.
constexpr KindRow kind_rows[] = {
    {"ctx", "the context"},
    {"map_ptr", "a map"},
    {"map_value", "a map value"},
    {"map_key", "a map key"},
    {"fp", "the stack"},
    {"pkt_meta", "the packet's metadata"},
    {"pkt", "the packet"},
    {"pkt_end", "the end of the packet"},
    {"flow_keys", "the flow keys"},
    {"sock", "a socket"},
    {"sock_common", "a socket"},
    {"tcp_sock", "a TCP socket"},
    {"xdp_sock", "an XDP socket"},
    {"tp_buffer", "the tracepoint's buffer"},
    {"mem", "a memory area"},
    {"alloc_mem", "a ring buffer record"},
    {"ringbuf_mem", "a ring buffer record"},
    {"rdonly_mem", "a read-only memory area"},
    {"buf", "a buffer"},
    {"rdonly_buf", "a read-only buffer"},
    {"rdwr_buf", "a buffer"},
    {"func", "a function"},
    {"arena", "an arena"},
    {"dynptr_ptr", "a dynptr"},
};

}  // namespace

std::string quoted(Text name) { return fmt::format("`{}`", name); }

std::string kind_words(Text kind) {
  std::string plain(kind);
  for (Text part : {Text("_or_null")})
    if (const std::size_t at = plain.find(part); at != std::string::npos) plain.erase(at, part.size());
  for (const KindRow& row : kind_rows)
    if (row.kind == plain) return std::string(row.words);
  std::string about;
  for (Text word : {Text("untrusted_"), Text("trusted_"), Text("rcu_"), Text("percpu_"), Text("user_")})
    if (const std::size_t at = plain.find(word); at != std::string::npos) plain.erase(at, word.size());
  if (plain.starts_with("ptr_") && plain.size() > 4) return "the kernel's struct " + plain.substr(4);
  return plain == "ptr_" ? "a kernel object" : "something of kind " + std::string(kind);
}

std::string range_words(const LogValue& value) {
  if (value.constant) return number(*value.constant);
  const std::int64_t low = value.smin.value_or(INT64_MIN), high = value.smax.value_or(INT64_MAX);
  if (low == INT64_MIN && high == INT64_MAX) {
    if (value.umin && *value.umin > 0) return fmt::format("a number of at least {}", *value.umin);
    return "any number";
  }
  if (low == 0 && high == UINT32_MAX) return "any 32-bit number (0 to 4294967295)";
  if (low == INT32_MIN && high == INT32_MAX) return "any 32-bit number, also negative";
  if (low == high) return number(low);
  if (high == INT64_MAX) return fmt::format("a number of at least {}", low);
  if (low == INT64_MIN) return fmt::format("a number of at most {}, also negative", high);
  return fmt::format("a number from {} to {}", low, high);
}

std::string words_of(const LogValue& value) {
  if (value.is_scalar()) return range_words(value);
  if (value.kind == "bytes") return "bytes that are not a whole register";
  std::string text;
  if (value.kind == "fp") {
    text = fmt::format("an address on the stack (fp{:+})", value.off);
  } else if (value.kind == "map_ptr") {
    text = value.map.empty() ? "a map" : "the map " + quoted(value.map);
  } else if (value.kind.starts_with("map_value")) {
    text =
        value.map.empty() ? "a pointer to a map value" : "a pointer to a value of map " + quoted(value.map);
    if (value.size) text += fmt::format(" ({} bytes)", value.size);
  } else if (value.kind == "ctx") {
    text = "the context";
  } else if (value.kind == "pkt_end") {
    text = "the end of the packet";
  } else if (value.kind == "pkt") {
    text = "a pointer into the packet";
    if (value.range) text += fmt::format(", of which {} bytes are proven to be there", *value.range);
  } else if (value.kind.starts_with("mem") || value.kind.find("_mem") != std::string::npos) {
    text = "a pointer to " + kind_words(value.kind);
    if (value.size) text += fmt::format(" of {} bytes", value.size);
  } else {
    text = "a pointer to " + kind_words(value.kind);
  }
  if (value.kind != "fp" && value.off != 0)
    text += fmt::format(", {} byte{} in", value.off, value.off == 1 ? "" : "s");
  if (value.may_be_null()) text += ", or NULL";
  return text;
}

std::string assigned_name(Text text, std::uint32_t column) {
  std::string found;
  int count = 0;
  for (std::size_t i = 0; i < text.size(); i++) {
    if (text[i] == '"' || text[i] == '\'') {
      const char quote = text[i];
      for (i++; i < text.size() && text[i] != quote; i++)
        if (text[i] == '\\') i++;
      continue;
    }
    if (text[i] != '=') continue;
    if (i + 1 < text.size() && text[i + 1] == '=') {
      i++;
      continue;
    }
    std::size_t end = i;
    if (end > 0 && Text("!<>").find(text[end - 1]) != Text::npos &&
        !(end > 1 && text[end - 2] == text[end - 1]))
      continue;
    while (end > 0 && Text("+-*/%&|^<> \t").find(text[end - 1]) != Text::npos) end--;
    std::size_t begin = end;
    while (begin > 0 && is_name(text[begin - 1])) begin--;
    if (begin == end || !starts_name(text[begin])) continue;
    // Parts of structs and what pointers point at are memory, not values of their own.
    if (begin > 0 && (text[begin - 1] == '.' || text[begin - 1] == '>')) continue;
    std::size_t stars = begin;
    while (stars > 0 && (text[stars - 1] == '*' || text[stars - 1] == ' ')) stars--;
    const bool star = text.substr(stars, begin - stars).find('*') != Text::npos;
    if (star && (stars == 0 || Text(";{)\t").find(text[stars - 1]) != Text::npos)) continue;
    if (column != 0 && i + 1 > column && count > 0) break;
    if (column == 0 && count > 0) return "";
    found = std::string(text.substr(begin, end - begin));
    count++;
  }
  return found;
}

std::string parameter_name(Text text, unsigned n) {
  const std::size_t open = text.find('(', text.starts_with("SEC(") ? text.find(')') : 0);
  if (open == Text::npos) return "";
  Text rest = text.substr(open + 1);
  for (unsigned i = 0;; i++) {
    const std::size_t end = rest.find_first_of(",)");
    if (end == Text::npos) return "";
    Text parameter = rest.substr(0, end);
    while (!parameter.empty() && !is_name(parameter.back())) parameter.remove_suffix(1);
    std::size_t begin = parameter.size();
    while (begin > 0 && is_name(parameter[begin - 1])) begin--;
    // `struct xdp_md *ctx`: a type stands before the name.
    if (i == n) return begin > 0 && starts_name(parameter[begin]) ? std::string(parameter.substr(begin)) : "";
    if (rest[end] == ')') return "";
    rest.remove_prefix(end + 1);
  }
}

}  // namespace skep::verify
