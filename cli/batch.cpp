// The grammar of batch lines.
#include "cli/batch.h"

#include <charconv>

namespace skep::cli {

namespace {

struct Word {
  std::string_view text;
  std::uint32_t column;
};

std::vector<Word> split(std::string_view line) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < line.size();) {
    if (line[at] == '#') break;
    if (line[at] == ' ' || line[at] == '\t' || line[at] == '\r') {
      at++;
      continue;
    }
    std::size_t end = line.find_first_of(" \t\r#", at);
    if (end == line.npos) end = line.size();
    words.push_back({line.substr(at, end - at), static_cast<std::uint32_t>(at + 1)});
    at = end;
  }
  return words;
}

class LineParser {
 public:
  LineParser(std::string_view line, std::uint32_t number, const std::string& file, Diagnostics& diagnostics)
      : line_(line), number_(number), file_(file), diagnostics_(diagnostics), words_(split(line)) {}

  bool empty() const { return words_.empty(); }

  bool parse(MapUpdate& out) {
    out.line = number_;
    if (!expect("map") || !expect("update") || !expect("name")) return false;
    if (at_ == words_.size()) return complain("the name of a map is missing");
    out.map = std::string(words_[at_++].text);
    return expect("key") && bytes(out.key) && expect("value") && bytes(out.value) && flags(out.flags);
  }

 private:
  bool complain(std::string message) {
    bool at_end = at_ >= words_.size();
    std::uint32_t column = at_end ? static_cast<std::uint32_t>(line_.size() + 1) : words_[at_].column;
    std::uint32_t length = at_end ? 1 : static_cast<std::uint32_t>(words_[at_].text.size());
    diagnostics_.error({file_, number_, column, length}, std::move(message), std::string(line_));
    return false;
  }
  bool expect(std::string_view word) {
    if (at_ == words_.size() || words_[at_].text != word) return complain(fmt::format("expected '{}'", word));
    at_++;
    return true;
  }
  static bool is_keyword(std::string_view word) {
    return word == "value" || word == "any" || word == "exist" || word == "noexist";
  }
  bool bytes(Buffer& out) {
    bool hex = at_ < words_.size() && words_[at_].text == "hex";
    if (hex) at_++;
    while (at_ < words_.size() && !is_keyword(words_[at_].text)) {
      std::string_view digits = words_[at_].text;
      int base = hex ? 16 : 10;
      if (!hex && digits.starts_with("0x")) {
        digits.remove_prefix(2);
        base = 16;
      }
      unsigned value = 0;
      auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
      if (error != std::errc() || end != digits.data() + digits.size() || value > 255)
        return complain(fmt::format("'{}' is not a byte", words_[at_].text));
      out.push_back(static_cast<std::uint8_t>(value));
      at_++;
    }
    return out.empty() ? complain("expected bytes") : true;
  }
  bool flags(std::uint64_t& out) {
    if (at_ == words_.size()) return true;
    std::string_view word = words_[at_].text;
    if (word != "any" && word != "noexist" && word != "exist")
      return complain("expected any, noexist or exist");
    out = word == "any" ? 0 : word == "noexist" ? 1 : 2;
    at_++;
    return at_ == words_.size() ? true : complain("expected the end of the line");
  }

  std::string_view line_;
  std::uint32_t number_;
  const std::string& file_;
  Diagnostics& diagnostics_;
  std::vector<Word> words_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<MapUpdate> parse_batch(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  std::vector<MapUpdate> updates;
  std::uint32_t number = 0;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() == text.size() ? line.size() : line.size() + 1);
    LineParser parser(line, ++number, file, diagnostics);
    MapUpdate update;
    if (!parser.empty() && parser.parse(update)) updates.push_back(std::move(update));
  }
  return updates;
}

}  // namespace skep::cli
