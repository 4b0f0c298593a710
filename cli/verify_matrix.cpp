// The matrix of programs and kernel versions.
#include "cli/verify_matrix.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "cli/commands.h"
#include "cli/text.h"
#include "skep/isa/decode.h"
#include "skep/object/core.h"
#include "skep/uapi/attach_types.h"
#include "skep/uapi/kfuncs.h"

namespace skep::cli {

namespace {

using object::ProgramSpec;
using object::RelocKind;
using uapi::Lack;
using uapi::Missing;

std::uint16_t number_of(const Kernel& kernel) {
  return uapi::since(kernel.version.major, kernel.version.minor);
}

// One program in one version.
struct Cell {
  Judgement found;
  Missing missing;
  std::string words;  // what the table shows
  Place place;
  std::string note;  // something that does not keep it from loading
  bool loads() const { return found.decision == Decision::accepted; }
};

// The kfunc of that name, as what is missing.
Missing missing_kfunc(std::string_view name) {
  const uapi::Kfunc* row = uapi::find_kfunc(name);
  return {Lack::kfunc, std::string(name), row ? row->since : std::uint16_t{0}};
}

std::string_view called_at(const ProgramSpec& program, isa::Slot slot) {
  for (const object::Reloc& reloc : program.relocs)
    if (reloc.kind == RelocKind::extern_call && reloc.slot == slot) return reloc.symbol;
  return {};
}

// What the loader did not find in the kernel's types: a kfunc that is newer, or anything else.
Missing missing_in_btf(const ProgramSpec& program, const Kernel& kernel) {
  for (const object::Reloc& reloc : program.relocs) {
    if (reloc.kind != RelocKind::extern_call) continue;
    Missing kfunc = missing_kfunc(reloc.symbol);
    if (kfunc.since > number_of(kernel)) return kfunc;
  }
  return {Lack::btf};
}

// Why it does not load, as far as the version is the reason.
Missing missing_of(const Judgement& found, const Kernel& kernel) {
  const verify::Verdict& verdict = found.verdict();
  const ProgramSpec& program = *found.program;
  if (verdict.missing.lack == Lack::kfunc && verdict.missing.name.empty())
    if (std::string_view name = called_at(program, verdict.insn); !name.empty()) {
      Missing kfunc = missing_kfunc(name);
      kfunc.since = std::max(kfunc.since, verdict.missing.since);
      return kfunc;
    }
  if (verdict.missing) return verdict.missing;
  if (found.decision == Decision::not_loaded && found.code == ENOENT) return missing_in_btf(program, kernel);
  if (found.decision != Decision::rejected || !found.judged.model) return {};
  const auto& insns = found.judged.model->model.prog.insns;
  if (verdict.insn >= insns.size()) return {};
  const isa::Insn& insn = insns[verdict.insn];
  constexpr std::uint8_t call = 0x85;
  if (insn.opcode != call || insn.src() != 0) return {};
  if (insn.imm == object::core_poison) return {Lack::btf, "CO-RE"};
  if (insn.imm >= object::kfunc_poison)
    if (std::string_view name = called_at(program, verdict.insn); !name.empty()) return missing_kfunc(name);
  return {};
}

// A hook that the version does not have keeps a program from being attached, not always from being loaded.
std::string note_of(const ProgramSpec& program, const Kernel& kernel) {
  const uapi::AttachTypeRow* hook = uapi::find_attach_type(program.attach_type);
  if (!hook || hook->since <= number_of(kernel) || program.attach_type_optional ||
      program.type == uapi::ProgType::struct_ops)
    return "";
  return fmt::format("loads, but cannot be attached: attach type {} is of {}", hook->name,
                     uapi::version_text(hook->since));
}

Cell judge_cell(const MatrixCommand& command, const ProgramSpec& program, const Kernel& kernel,
                const Side& side) {
  Cell cell;
  cell.found = judge(command.spec, program, {kernel.version, command.unprivileged, 0, true}, side);
  if (cell.loads()) {
    cell.words = "loads";
    cell.note = note_of(program, kernel);
    return cell;
  }
  cell.missing = missing_of(cell.found, kernel);
  if (cell.missing)
    cell.words = uapi::few_words(cell.missing);
  else if (cell.found.code == E2BIG)
    cell.words = "limit";
  else
    cell.words = decision_name(cell.found.decision);
  if (cell.found.judged.model) cell.place = place_of(cell.found.judged, cell.found.verdict().insn);
  return cell;
}

// One line: the reason in full and where it stands.
std::string detail_of(const Cell& cell) {
  if (cell.loads()) return cell.note;
  std::string text = cell.found.reason;
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (cell.missing.since != 0)
    text +=
        fmt::format(" ({} is of {})", uapi::few_words(cell.missing), uapi::version_text(cell.missing.since));
  if (cell.place.line) text += fmt::format(", at {}:{}", cell.place.file, cell.place.line);
  if (!cell.place.function.empty()) text += fmt::format(" in {}", cell.place.function);
  return text;
}

std::string clipped(std::string text) {
  constexpr std::size_t most = 30;
  if (text.size() > most) text = text.substr(0, most - 3) + "...";
  return text;
}

struct Column {
  const Kernel* kernel = nullptr;
  std::string btf;             // empty: the running kernel's
  const Side* side = nullptr;  // versions with the same file share it
};

std::string_view btf_name(const Column& column) {
  return column.btf.empty() ? host_btf : std::string_view(column.btf);
}

void print_table(const MatrixCommand& command, const std::vector<Column>& columns,
                 const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::string> header{"program"};
  for (const Column& column : columns)
    header.push_back(column.kernel->name + (column.kernel->judged ? "" : "*"));
  Table table(std::move(header));
  for (std::size_t i = 0; i < rows.size(); i++) {
    const ProgramSpec& program = *command.programs[i];
    std::vector<std::string> cells{fmt::format("{} ({})", printable(program.name), type_name(program))};
    for (const Cell& cell : rows[i]) cells.push_back(clipped(printable(cell.words)));
    table.row(std::move(cells));
  }
  say("{}", table.print(""));
  if (std::any_of(columns.begin(), columns.end(), [](const Column& c) { return !c.kernel->judged; }))
    say("* {}\n", not_judged);
  std::map<std::string_view, std::vector<std::string_view>> by_types;
  for (const Column& column : columns) by_types[btf_name(column)].push_back(column.kernel->name);
  for (const auto& [file, versions] : by_types)
    say("types of {}: {}\n", fmt::join(versions, ", "), printable(file));

  for (std::size_t i = 0; i < rows.size(); i++) {
    std::vector<std::string> details;  // each with the versions that it is about, in the order of the columns
    std::map<std::string, std::vector<std::string_view>> versions;
    for (std::size_t j = 0; j < columns.size(); j++) {
      std::string detail = detail_of(rows[i][j]);
      if (detail.empty()) continue;
      std::vector<std::string_view>& about = versions[detail];
      if (about.empty()) details.push_back(detail);
      about.push_back(columns[j].kernel->name);
    }
    for (const std::string& detail : details)
      say("{}, {}: {}\n", printable(command.programs[i]->name), fmt::join(versions[detail], ", "),
          printable(detail));
  }
}

void put_cell(base::JsonWriter& json, const Kernel& kernel, const Cell& cell) {
  json.object();
  json.member("kernel", kernel.name);
  json.member("loads", cell.loads());
  json.member("verdict", decision_name(cell.found.decision));
  if (!cell.note.empty()) json.member("note", cell.note);
  if (!cell.loads()) {
    json.member("words", cell.words);
    if (cell.missing) {
      json.member("lacks", uapi::lack_name(cell.missing.lack));
      if (!cell.missing.name.empty()) json.member("name", cell.missing.name);
      if (cell.missing.since != 0) json.member("since", uapi::version_text(cell.missing.since));
    }
    json.member("errno", cell.found.code);
    json.member("reason", cell.found.reason);
    if (cell.found.judged.model) {
      json.key("at");
      json.object();
      json.member("insn", cell.found.verdict().insn);
      json.member("text", instruction_text(cell.found.judged, cell.found.verdict().insn));
      put_place(json, cell.place);
      json.end();
    }
  }
  json.end();
}

void print_json(const MatrixCommand& command, const std::vector<Column>& columns,
                const std::vector<std::vector<Cell>>& rows) {
  base::JsonWriter json(true);
  json.object();
  json.member("object", command.source);
  json.key("kernels");
  json.array();
  for (const Column& column : columns) {
    json.object();
    json.member("version", column.kernel->name);
    json.member("judged", column.kernel->judged);
    json.member("btf", btf_name(column));
    json.end();
  }
  json.end();
  json.key("programs");
  json.array();
  for (std::size_t i = 0; i < rows.size(); i++) {
    json.object();
    json.member("name", command.programs[i]->name);
    json.member("section", command.programs[i]->section);
    json.member("type", type_name(*command.programs[i]));
    json.key("cells");
    json.array();
    for (std::size_t j = 0; j < columns.size(); j++) put_cell(json, *columns[j].kernel, rows[i][j]);
    json.end();
    json.end();
  }
  json.end();
  json.end();
  say("{}", json.take());
}

// The file of a directory that is named like the version; empty: there is none.
std::string named_like(const std::filesystem::path& directory, std::string_view version) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string stem = entry.path().filename().string();
    if (stem.ends_with(".btf")) stem.resize(stem.size() - 4);
    if (stem == version || stem.ends_with(fmt::format("-{}", version)))
      found.push_back(entry.path().string());
  }
  return found.empty() ? "" : *std::min_element(found.begin(), found.end());
}

}  // namespace

Result<std::string> btf_for(std::span<const std::string> options, const Kernel& kernel) {
  std::string by_version, by_directory, for_all;
  for (const std::string& option : options) {
    std::error_code error;
    if (std::filesystem::is_directory(option, error)) {
      if (std::string file = named_like(option, kernel.name); !file.empty()) by_directory = std::move(file);
      continue;
    }
    std::size_t equals = option.find('=');
    if (equals == option.npos || option.substr(0, equals).find('/') != option.npos) {
      for_all = option;
      continue;
    }
    Result<Kernel> of = read_kernel(std::string_view(option).substr(0, equals));
    if (!of)
      return fail(EINVAL, "--btf is '{}': before the '=' stands no version from 5.0 to {}", option,
                  newest_kernel().name);
    if (of->name == kernel.name) by_version = option.substr(equals + 1);
  }
  if (!by_version.empty()) return by_version;
  return by_directory.empty() ? for_all : by_directory;
}

Result<int> print_matrix(const MatrixCommand& command) {
  std::map<std::string, std::unique_ptr<Side>> sides;
  std::vector<Column> columns;
  for (const Kernel& kernel : command.kernels) {
    Column column;
    column.kernel = &kernel;
    column.btf = TRY(btf_for(command.btf, kernel));
    std::unique_ptr<Side>& side = sides[column.btf];
    if (!side) {
      side = std::make_unique<Side>();
      TRY(read_side(column.btf, command.spec, *side));
      if (!side->btf) say(stderr, "note: no kernel BTF at {}; name one with --btf\n", host_btf);
    }
    column.side = side.get();
    columns.push_back(std::move(column));
  }
  std::vector<std::vector<Cell>> rows;
  bool all_load = true;
  for (const ProgramSpec* program : command.programs) {
    std::vector<Cell>& row = rows.emplace_back();
    for (const Column& column : columns) {
      row.push_back(judge_cell(command, *program, *column.kernel, *column.side));
      all_load = all_load && row.back().loads();
    }
  }
  if (command.json)
    print_json(command, columns, rows);
  else
    print_table(command, columns, rows);
  return all_load ? Exit::ok : Exit::failed;
}

}  // namespace skep::cli
