// Labels, lines and records, sorted and held against the sections.
#include "skep/object/disassembling.h"

#include <algorithm>

namespace skep::object {
namespace {

// Of several symbols in one place a listing shows one. llvm-objdump: the greatest by name. objdump: functions
// before objects before others, and of those global ones, then the least by name.
int gnu_rank(const elf::Symbol& symbol) {
  int kind = symbol.type == elf::stt::func ? 0 : symbol.type == elf::stt::object ? 2 : 4;
  return kind + (symbol.binding == elf::stb::local ? 1 : 0);
}

bool is_shown(const elf::Symbol& symbol) {
  return symbol.place == elf::Place::section && !symbol.name.empty() && symbol.type != elf::stt::section &&
         symbol.type != elf::stt::file;
}

// The symbols of every section, sorted as the dialect wants.
std::vector<const elf::Symbol*> sorted_symbols(const elf::File& file, isa::Dialect dialect) {
  std::vector<const elf::Symbol*> symbols;
  for (const elf::Symbol& symbol : file.symbols())
    if (is_shown(symbol)) symbols.push_back(&symbol);
  std::stable_sort(symbols.begin(), symbols.end(), [&](const elf::Symbol* a, const elf::Symbol* b) {
    if (a->section != b->section) return a->section < b->section;
    if (a->value != b->value) return a->value < b->value;
    if (dialect != isa::Dialect::gnu) return a->name > b->name;
    if (gnu_rank(*a) != gnu_rank(*b)) return gnu_rank(*a) < gnu_rank(*b);
    return a->name < b->name;
  });
  return symbols;
}

void add_labels(CodeSection& code, std::span<const elf::Symbol* const> symbols) {
  for (const elf::Symbol* symbol : symbols) {
    if (symbol->section != code.section->index) continue;
    if (!code.labels.empty() && code.labels.back().offset == symbol->value) continue;
    code.labels.push_back({symbol->value, symbol->name, symbol->type, symbol->size});
  }
  if (code.labels.empty() || code.labels[0].offset != 0)
    code.labels.insert(code.labels.begin(), Label{.name = code.section->name});
}

template <class T>
std::vector<T> records_of(const std::vector<btf::ExtSection<T>>& sections, std::string_view name) {
  std::vector<T> records;
  for (const btf::ExtSection<T>& section : sections)
    if (section.section == name)
      records.insert(records.end(), section.records.begin(), section.records.end());
  std::stable_sort(records.begin(), records.end(),
                   [](const T& a, const T& b) { return a.insn_off < b.insn_off; });
  return records;
}

Result<void> add_records(CodeView& view, const elf::File& file) {
  const elf::Section* types = file.find_section(".BTF");
  const elf::Section* ext = file.find_section(".BTF.ext");
  if (!types || !ext || types->bytes.empty() || ext->bytes.empty()) return {};
  btf::Btf btf = TRY(btf::Btf::parse(types->bytes));
  view.btf = std::make_unique<btf::Btf>(std::move(btf));
  btf::BtfExt records = TRY(btf::BtfExt::parse(ext->bytes, *view.btf));
  for (CodeSection& code : view.sections) {
    code.lines = records_of(records.lines, code.section->name);
    code.core = records_of(records.relocations, code.section->name);
  }
  return {};
}

bool chosen(const DisassembleOptions& options, const elf::Section& section) {
  if (options.sections.empty()) return section.executable();
  return std::find(options.sections.begin(), options.sections.end(), section.name) != options.sections.end();
}

Result<void> check_names(const CodeView& view, const elf::File& file, const DisassembleOptions& options) {
  for (const std::string& name : options.sections) {
    const elf::Section* section = file.find_section(name);
    if (!section) return fail(ENOENT, "there is no section '{}'", name);
    if (section->nobits()) return fail(EINVAL, "section '{}' has no bytes in the file", name);
  }
  for (const std::string& name : options.functions) {
    bool found = false;
    for (const CodeSection& code : view.sections)
      for (const Label& label : code.labels) found = found || label.name == name;
    if (!found) return fail(ENOENT, "there is no function '{}'", name);
  }
  return {};
}

}  // namespace

Result<CodeView> view_code(const elf::File& file, const DisassembleOptions& options) {
  CodeView view;
  view.file = &file;
  std::vector<const elf::Symbol*> symbols = sorted_symbols(file, options.dialect);
  std::uint64_t total = 0;
  for (const elf::Section& section : file.sections()) {
    if (section.index == 0 || section.bytes.empty() || !chosen(options, section)) continue;
    // Sections that share their bytes could otherwise make a listing of any length from a small file.
    total += section.bytes.size();
    if (total > file.bytes().size())
      return fail(EINVAL, "section {} '{}': overlaps other sections", section.index, section.name);
    CodeSection code{.section = &section, .relocations = file.relocations(section.index)};
    auto [first, last] =
        std::equal_range(symbols.begin(), symbols.end(), section.index, [](const auto& a, const auto& b) {
          auto of = [](const auto& x) {
            if constexpr (std::is_integral_v<std::decay_t<decltype(x)>>)
              return x;
            else
              return x->section;
          };
          return of(a) < of(b);
        });
    add_labels(code, std::span(first, last));
    auto by_offset = [](const elf::Relocation& a, const elf::Relocation& b) { return a.offset < b.offset; };
    if (!std::is_sorted(code.relocations.begin(), code.relocations.end(), by_offset)) {
      code.sorted.assign(code.relocations.begin(), code.relocations.end());
      std::stable_sort(code.sorted.begin(), code.sorted.end(), by_offset);
      code.relocations = code.sorted;
    }
    view.sections.push_back(std::move(code));
  }
  TRY(check_names(view, file, options));
  if (!options.source && !options.relocations) return view;
  auto added = add_records(view, file);
  if (!added && !options.warning) return Failure(std::move(added).error());
  if (!added) *options.warning = added.error().message;
  return view;
}

std::vector<Region> regions(const CodeSection& code, const DisassembleOptions& options) {
  std::vector<Region> out;
  std::uint64_t size = code.section->bytes.size();
  for (std::size_t i = 0; i < code.labels.size() && code.labels[i].offset < size; ++i) {
    const Label& label = code.labels[i];
    std::uint64_t end = i + 1 < code.labels.size() ? std::min(code.labels[i + 1].offset, size) : size;
    bool wanted = options.functions.empty() || std::find(options.functions.begin(), options.functions.end(),
                                                         label.name) != options.functions.end();
    if (wanted) out.push_back({&label, label.offset, end});
  }
  return out;
}

// LLVM knows r11 (compilers' own); nothing is beyond.
constexpr unsigned last_register = 11;

std::optional<isa::Decoded> Cursor::at(std::uint64_t offset) const {
  std::uint64_t left = bytes_.size() - offset;
  if (left < sizeof(isa::Insn)) return std::nullopt;
  isa::Insn pair[2];
  std::size_t slots = left >= sizeof pair ? 2 : 1;
  for (std::size_t i = 0; i < slots; ++i) {
    const std::uint8_t* from = bytes_.data() + offset + i * sizeof(isa::Insn);
    pair[i].opcode = from[0];
    pair[i].regs =
        order_ == std::endian::little ? from[1] : static_cast<std::uint8_t>(from[1] << 4 | from[1] >> 4);
    pair[i].off = base::load<std::int16_t>(from + 2, order_);
    pair[i].imm = base::load<std::int32_t>(from + 4, order_);
  }
  auto decoded = isa::decode(std::span(pair).first(slots), 0);
  if (!decoded || decoded->dst > last_register || decoded->src > last_register) return std::nullopt;
  return *decoded;
}

std::uint64_t Cursor::unknown_bytes(std::uint64_t offset) const {
  constexpr std::uint8_t lddw_opcode = 0x18;
  std::uint64_t left = bytes_.size() - offset;
  std::uint64_t whole = bytes_[offset] == lddw_opcode ? 2 * sizeof(isa::Insn) : sizeof(isa::Insn);
  return left < whole ? 1 : sizeof(isa::Insn);
}

std::optional<std::uint64_t> jump_target(const isa::Decoded& insn, std::uint64_t offset) {
  if (!isa::jumps(insn.row())) return std::nullopt;
  return offset + (insn.slots + static_cast<std::uint64_t>(insn.distance())) * sizeof(isa::Insn);
}

void print_place(std::string& out, const CodeSection& code, std::uint64_t offset) {
  auto after = std::upper_bound(code.labels.begin(), code.labels.end(), offset,
                                [](std::uint64_t at, const Label& label) { return at < label.offset; });
  const Label& label = *(after - 1);  // one is at 0
  out += label.name;
  if (offset != label.offset) fmt::format_to(std::back_inserter(out), "+{:#x}", offset - label.offset);
}

std::string_view target_name(const elf::File& file, const elf::Relocation& relocation) {
  const elf::Symbol& symbol = file.symbol(relocation.symbol);
  if (symbol.name.empty() && symbol.place == elf::Place::section) return file.section(symbol.section).name;
  return symbol.name;
}

}  // namespace skep::object
