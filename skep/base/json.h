// JSON out: a streaming writer that escapes hostile bytes (nlohmann's dump() throws on them) and never builds
// a tree.
//
//   JsonWriter json(pretty);
//   json.object(); json.key("name"); json.string("fw"); json.key("ids"); json.array(); json.number(3);
//   json.end(); json.end();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace skep::base {

class JsonWriter {
 public:
  explicit JsonWriter(bool pretty = false) : pretty_(pretty) {}

  void object() { open('{', '}'); }
  void array() { open('[', ']'); }
  void end();                          // closes the innermost object or array
  void key(std::string_view name);     // inside an object, before each value
  void string(std::string_view text);  // bytes that are not UTF-8 become U+FFFD
  void number(std::int64_t value);
  void number(std::uint64_t value);
  void number(int value) { number(static_cast<std::int64_t>(value)); }
  void number(std::uint32_t value) { number(static_cast<std::uint64_t>(value)); }
  void number(double value);  // NaN and infinities become null
  void boolean(bool value);
  void null();

  template <class T>
  void member(std::string_view name, const T& value) {
    key(name);
    if constexpr (std::is_same_v<T, bool>)
      boolean(value);
    else if constexpr (std::is_convertible_v<const T&, std::string_view>)
      string(value);
    else
      number(value);
  }

  // What was written so far; take() empties the writer's buffer, so that long output can be flushed in parts.
  std::string take();
  const std::string& text() const { return out_; }

 private:
  void open(char opening, char closing);
  void separate();
  void newline();

  std::string out_;
  std::vector<char> closers_;
  bool pretty_;
  bool first_ = true;
  bool after_key_ = false;
};

}  // namespace skep::base
