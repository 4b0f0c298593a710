#include "tests/conformance/selftests/record.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <regex>

#include "skep/base/bytes.h"
#include "skep/base/file.h"

namespace skep::selftests {
namespace {

template <class Line>
Result<void> each_line(const std::string& path, Line&& line) {
  base::Buffer bytes = TRY(base::read_file(path));
  std::string_view text = base::as_text(bytes);
  for (std::size_t number = 1; !text.empty(); number++) {
    std::size_t end = text.find('\n');
    if (Result<void> ok = line(text.substr(0, end)); !ok)
      return Failure(std::move(ok).error().in(fmt::format("{}:{}", path, number)));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return {};
}

struct ClassName {
  Class of;
  std::string_view name;
};
constexpr ClassName class_names[] = {{Class::memory, "memory"}, {Class::resource, "resource"},
                                     {Class::types, "types"},   {Class::policy, "policy"},
                                     {Class::limits, "limits"}, {Class::unclassed, "unclassed"}};

// Does `text` fit `pattern`, in which * stands for any text?
bool fits(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      p++, t++;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') p++;
  return p == pattern.size();
}

std::string_view next_word(std::string_view& line) {
  std::size_t end = std::min(line.find(' '), line.size());
  std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

}  // namespace

Result<std::vector<Record>> read_records(const std::string& path) {
  std::vector<Record> out;
  TRY(each_line(path, [&](std::string_view line) -> Result<void> {
    if (line.empty()) return {};
    nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return fail(EINVAL, "no JSON object");
    Record record;
    auto text = [&](const char* key) {
      auto found = json.find(key);
      return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    record.file = text("file");
    record.prog = text("prog");
    record.section = text("section");
    record.verdict = text("verdict");
    record.reason = text("reason");
    record.artifact = json.contains("env_artifact");
    if (auto found = json.find("insns_processed"); found != json.end() && found->is_number_unsigned())
      record.insns = found->get<std::uint64_t>();
    if (auto found = json.find("errno"); found != json.end() && found->is_number_integer())
      record.error = found->get<int>();
    if (auto found = json.find("msgs"); found != json.end() && found->is_array())
      for (const nlohmann::json& message : *found)
        if (message.is_string()) record.messages.push_back(message.get<std::string>());
    if (record.file.empty() || record.verdict.empty()) return fail(EINVAL, "no \"file\" or no \"verdict\"");
    out.push_back(std::move(record));
    return {};
  }));
  return out;
}

std::string normalise(std::string_view reason) {
  std::string out;
  for (std::size_t i = 0; i < reason.size();) {
    bool digit = std::isdigit(static_cast<unsigned char>(reason[i])) != 0;
    bool inside_word =
        i > 0 && (std::isalpha(static_cast<unsigned char>(reason[i - 1])) || reason[i - 1] == '_');
    if (!digit || (inside_word && reason[i - 1] != 'R' && reason[i - 1] != 'r')) {
      out += reason[i++];
      continue;
    }
    out += 'N';
    bool hex = reason.substr(i).starts_with("0x");
    for (i += hex ? 2 : 0; i < reason.size() && (hex ? std::isxdigit(static_cast<unsigned char>(reason[i]))
                                                     : std::isdigit(static_cast<unsigned char>(reason[i])));)
      i++;
  }
  return out;
}

std::string_view class_name(Class of) { return class_names[static_cast<std::size_t>(of)].name; }

Result<Classes> Classes::read(const std::string& path) {
  Classes out;
  TRY(each_line(path, [&](std::string_view line) -> Result<void> {
    if (line.empty() || line.starts_with('#')) return {};
    std::string_view name = next_word(line);
    for (const ClassName& row : class_names)
      if (row.name == name) {
        out.rows_.push_back({row.of, std::string(line)});
        return {};
      }
    return fail(EINVAL, "there is no class '{}'", name);
  }));
  return out;
}

Class Classes::of(std::string_view reason) const {
  for (const Row& row : rows_)
    if (fits(reason, row.pattern)) return row.of;
  return Class::unclassed;
}

Result<std::vector<Exception>> read_exceptions(const std::string& path) {
  std::vector<Exception> out;
  TRY(each_line(path, [&](std::string_view line) -> Result<void> {
    if (line.empty() || line.starts_with('#')) return {};
    Exception row;
    row.file = next_word(line);
    row.prog = next_word(line);
    row.why = line;
    if (row.why.empty()) return fail(EINVAL, "no reason is given");
    out.push_back(std::move(row));
    return {};
  }));
  return out;
}

std::size_t count_messages(std::string_view log, const std::vector<std::string>& messages) {
  std::size_t found = 0;
  for (const std::string& message : messages) {
    if (message.find("{{") == message.npos) {
      std::size_t at = log.find(message);
      if (at == log.npos) continue;
      log.remove_prefix(at + message.size());
      found++;
      continue;
    }
    std::string pattern;
    for (std::size_t i = 0; i < message.size();) {
      std::size_t open = std::min(message.find("{{", i), message.size());
      for (; i < open; i++) {
        if (std::string_view("^$\\.*+?()[]{}|").find(message[i]) != std::string_view::npos) pattern += '\\';
        pattern += message[i];
      }
      if (open == message.size()) break;
      std::size_t close = message.find("}}", open);
      if (close == message.npos) break;
      pattern += "(" + message.substr(open + 2, close - open - 2) + ")";
      i = close + 2;
    }
    try {
      std::cmatch match;
      if (std::regex_search(log.data(), log.data() + log.size(), match,
                            std::regex(pattern, std::regex::extended))) {
        found++;
        log.remove_prefix(static_cast<std::size_t>(match.position() + match.length()));
      }
    } catch (const std::regex_error&) {
      // A pattern that is none, or a line too long for the library: not found.
    }
  }
  return found;
}

}  // namespace skep::selftests
