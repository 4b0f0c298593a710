// Cases to text and back.
#include "golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "generator.h"
#include "skep/isa/assemble.h"
#include "skep/isa/print.h"

namespace skep::oracle {
namespace {

constexpr std::pair<std::string_view, uapi::ProgType> types[] = {
    {"xdp", uapi::ProgType::xdp},
    {"socket_filter", uapi::ProgType::socket_filter},
    {"sched_cls", uapi::ProgType::sched_cls},
};

void print_hex(std::string& out, const std::uint8_t* bytes, std::size_t count) {
  for (std::size_t i = 0; i < count; i++)
    out += fmt::format("{}{:02x}", i % 32 == 0 ? (i ? "\n" : "") : " ", bytes[i]);
  out += "\n";
}

// One line for each element that is not as it was at first.
void print_map(std::string& out, unsigned map, const std::vector<std::uint8_t>& now, std::uint64_t fill) {
  const MapRow& row = map_rows[map];
  Contents before = fill_map(map, fill);
  std::size_t size = std::size_t{row.key_size} + row.value_size;
  std::uint32_t gone = before.count;
  for (std::size_t at = 0; at + size <= now.size(); at += size) {
    const std::uint8_t* key = &now[at];
    const std::uint8_t* value = key + row.key_size;
    bool same = false;
    for (std::uint32_t i = 0; i < before.count; i++) {
      if (std::memcmp(&before.keys[i * std::size_t{row.key_size}], key, row.key_size) != 0) continue;
      gone--;
      same = std::memcmp(&before.values[i * std::size_t{row.value_size}], value, row.value_size) == 0;
    }
    if (same) continue;
    out += fmt::format("map {} [", row.name);
    for (std::uint32_t b = 0; b < row.key_size; b++) out += fmt::format("{:02x}", key[b]);
    out += "]:";
    // Words, with runs of zeros left out.
    for (std::uint32_t b = 0; b < row.value_size; b += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, value + b, std::min<std::size_t>(8, row.value_size - b));
      if (word) out += fmt::format(" {}={:#x}", b, word);
    }
    out += "\n";
  }
  if (gone) out += fmt::format("map {} lost {} of its elements\n", row.name, gone);
}

bool names_code(const isa::Decoded& d) {
  return isa::jumps(d.row()) || d.row().operation == isa::Operation::call_local ||
         d.row().operation == isa::Operation::function;
}

}  // namespace

std::string print_result(const Case& c, const Outcome& outcome) {
  std::string out;
  switch (outcome.end) {
    case End::exited: out += fmt::format("r0 {:#x}\n", outcome.r0); break;
    case End::faulted:
      out += fmt::format("fault at slot {} of program {}\n", outcome.fault_slot, outcome.fault_program);
      break;
    case End::failed: out += outcome.message + "\n"; break;
  }
  for (unsigned map = 0; map < map_count; map++)
    if (!outcome.maps[map].empty() || (used_maps(c) >> map & 1 && is_hash(map_rows[map].type)))
      print_map(out, map, outcome.maps[map], c.fill);
  if (outcome.end == End::exited && outcome.packet != c.packet) {
    out += "packet\n";
    print_hex(out, outcome.packet.data(), outcome.packet.size());
  }
  if (std::any_of(outcome.context.begin(), outcome.context.end(), [](std::uint8_t b) { return b != 0; })) {
    out += "context\n";
    print_hex(out, outcome.context.data(), outcome.context.size());
  }
  return out;
}

std::string print_golden(const Golden& golden) {
  const Case& c = golden.c;
  std::string out;
  std::string_view note = golden.note;
  while (!note.empty()) {
    std::size_t end = std::min(note.find('\n'), note.size());
    out += fmt::format("# {}\n", note.substr(0, end));
    note.remove_prefix(std::min(end + 1, note.size()));
  }
  out += "-- type\n";
  for (const auto& [name, type] : types)
    if (type == c.type) out += fmt::format("{}{}\n", name, c.wild ? " wild" : "");
  for (const Code& code : c.programs) {
    out += "-- asm\n";
    Labelled labelled = label(code);
    std::vector<bool> is_target(code.size());
    for (int target : labelled.target)
      if (target >= 0) is_target[static_cast<std::size_t>(target)] = true;
    isa::PrintOptions options;
    options.exact = true;
    for (std::size_t i = 0; i < code.size(); i++) {
      std::string text = isa::print(code[i], options);
      if (names_code(code[i])) text += fmt::format("  # {}", labelled.target[i]);  // the line, counted from 0
      out += fmt::format("{}{}\n", is_target[i] ? fmt::format("/*{}*/ ", i) : "", text);
    }
  }
  out += "-- packet\n";
  print_hex(out, c.packet.data(), c.packet.size());
  out += fmt::format("-- fill\n{:#x}\n-- result\n{}", c.fill, golden.result);
  return out;
}

Result<Golden> parse_golden(std::string_view text) {
  Golden golden;
  std::string section, assembly;
  bool in_asm = false;
  auto finish = [&]() -> Result<void> {
    if (!in_asm) return {};
    isa::AssembleOptions options;
    auto insns = TRY(isa::assemble_insns(assembly, options));
    golden.c.programs.push_back(TRY(isa::decode_all(insns)));
    assembly.clear();
    in_asm = false;
    return {};
  };
  unsigned number = 0;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    number++;
    if (line.starts_with("-- ")) {
      TRY(finish());
      section = line.substr(3);
      in_asm = section == "asm";
      if (section != "asm" && section != "type" && section != "packet" && section != "fill" &&
          section != "result")
        return fail(EINVAL, "line {}: there is no section '{}'", number, section);
      continue;
    }
    if (section.empty()) {
      if (line.starts_with("#"))
        golden.note += (golden.note.empty() ? "" : "\n") + line.substr(std::min<std::size_t>(2, line.size()));
    } else if (section == "asm") {
      assembly += line + "\n";
    } else if (section == "type") {
      if (line.ends_with(" wild")) {
        golden.c.wild = true;
        line.resize(line.size() - 5);
      }
      const auto* found =
          std::find_if(std::begin(types), std::end(types), [&](const auto& t) { return t.first == line; });
      if (found == std::end(types)) return fail(EINVAL, "line {}: there is no type '{}' here", number, line);
      golden.c.type = found->second;
    } else if (section == "packet") {
      for (std::size_t at = 0; at + 1 < line.size(); at += 3) {
        std::uint8_t byte = 0;
        auto [last, error] = std::from_chars(&line[at], &line[at] + 2, byte, 16);
        if (error != std::errc{}) return fail(EINVAL, "line {}: '{}' is no byte", number, line.substr(at, 2));
        golden.c.packet.push_back(byte);
      }
    } else if (section == "fill") {
      golden.c.fill = std::strtoull(line.c_str(), nullptr, 0);
    } else {
      golden.result += line + "\n";
    }
  }
  TRY(finish());
  if (golden.c.programs.empty()) return fail(EINVAL, "there is no section 'asm'");
  return golden;
}

}  // namespace skep::oracle
