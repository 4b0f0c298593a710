// Parsing of ELF64 relocatable objects: header, section headers, names, symbols, relocations, in that order,
// each checked against the file before the next relies on it.
#include "skep/elf/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "skep/base/endian.h"

namespace skep::elf {
namespace {

constexpr std::size_t header_bytes = 64, section_header_bytes = 64, symbol_bytes = 24, rel_bytes = 16;
constexpr std::uint16_t et_rel = 1;
constexpr std::uint16_t shn_loreserve = 0xff00, shn_abs = 0xfff1, shn_common = 0xfff2, shn_xindex = 0xffff;
// Names longer than this are hostile: they would make reading all names quadratic in the file's size.
constexpr std::size_t name_limit = 16384;

struct MachineName {
  std::uint16_t machine;
  std::string_view name;
};
constexpr auto machine_names = std::to_array<MachineName>({
    {3, "x86"},
    {8, "MIPS"},
    {20, "PowerPC"},
    {21, "PowerPC64"},
    {22, "S/390"},
    {40, "Arm"},
    {43, "SPARC v9"},
    {62, "x86-64"},
    {183, "AArch64"},
    {243, "RISC-V"},
    {258, "LoongArch"},
});

struct TypeName {
  std::uint32_t number;
  std::string_view name;
};
constexpr auto file_types = std::to_array<TypeName>({
    {0, "none"},
    {2, "an executable"},
    {3, "a shared object"},
    {4, "a core dump"},
});
constexpr auto relocation_types = std::to_array<TypeName>({
    {r_bpf::none, "R_BPF_NONE"},
    {r_bpf::r64_64, "R_BPF_64_64"},
    {r_bpf::r64_abs64, "R_BPF_64_ABS64"},
    {r_bpf::r64_abs32, "R_BPF_64_ABS32"},
    {r_bpf::r64_nodyld32, "R_BPF_64_NODYLD32"},
    {r_bpf::r64_32, "R_BPF_64_32"},
    {r_bpf::gnu_64_16, "R_BPF_GNU_64_16"},
});

// What binutils before 2.41 called R_BPF_DATA_32 and R_BPF_DATA_64.
constexpr std::uint32_t old_gnu_data_32 = 11, old_gnu_data_64 = 12;

std::uint32_t modern_type(std::uint32_t type) {
  if (type == old_gnu_data_32) return r_bpf::r64_abs32;
  if (type == old_gnu_data_64) return r_bpf::r64_abs64;
  return type;
}

Result<std::string_view> read_name(Bytes strings, std::uint64_t offset, std::string_view what) {
  if (offset == 0 && strings.empty()) return std::string_view();
  if (offset >= strings.size())
    return fail(EINVAL, "{}: name at offset {} lies outside the string table ({} bytes)", what, offset,
                strings.size());
  std::string_view rest = base::as_text(strings.subspan(offset));
  std::size_t end = rest.substr(0, name_limit).find('\0');
  if (end != rest.npos) return rest.substr(0, end);
  if (rest.size() >= name_limit)
    return fail(EINVAL, "{}: name at offset {} of the string table is longer than {} bytes", what, offset,
                name_limit);
  return fail(EINVAL, "{}: name at offset {} of the string table never ends", what, offset);
}

}  // namespace

std::string relocation_type_name(std::uint32_t type) {
  for (const TypeName& row : relocation_types)
    if (row.number == type) return std::string(row.name);
  return fmt::format("relocation type {}", type);
}

class Parser {
 public:
  explicit Parser(Bytes file) { out_.bytes_ = file; }

  Result<File> run() {
    TRY(header());
    TRY(section_headers());
    TRY(section_names());
    TRY(symbols());
    TRY(relocations());
    return std::move(out_);
  }

 private:
  template <std::integral T>
  T get(const std::uint8_t* at) const {
    return base::load<T>(at, out_.order_);
  }

  Result<void> header() {
    Bytes file = out_.bytes_;
    if (file.size() < 4 || file[0] != 0x7f || file[1] != 'E' || file[2] != 'L' || file[3] != 'F')
      return fail(ENOEXEC, "not an ELF file: does not begin with 7f 45 4c 46");
    if (file.size() < header_bytes)
      return fail(EINVAL, "ELF header: the file ends at byte {}, but the header takes {}", file.size(),
                  header_bytes);
    if (file[4] != 2) return fail(ENOEXEC, "ELF header: class is {}, must be 2 (64-bit)", file[4]);
    if (file[5] != 1 && file[5] != 2)
      return fail(ENOEXEC, "ELF header: byte order is {}, must be 1 (little endian) or 2 (big endian)",
                  file[5]);
    out_.order_ = file[5] == 1 ? std::endian::little : std::endian::big;

    out_.machine_ = get<std::uint16_t>(&file[18]);
    if (out_.machine_ != em_bpf && out_.machine_ != em_none) {
      const auto* row = std::find_if(machine_names.begin(), machine_names.end(),
                                     [&](const MachineName& name) { return name.machine == out_.machine_; });
      if (row == machine_names.end())
        return fail(ENOEXEC, "is for machine {}, must be 247 (BPF)", out_.machine_);
      return fail(ENOEXEC, "is for machine {} ({}), must be 247 (BPF)", out_.machine_, row->name);
    }
    auto type = get<std::uint16_t>(&file[16]);
    if (type != et_rel) {
      const auto* row = std::find_if(file_types.begin(), file_types.end(),
                                     [&](const TypeName& name) { return name.number == type; });
      return fail(ENOEXEC, "ELF header: type is {}{}{}{}, must be 1 (a relocatable object)", type,
                  row == file_types.end() ? "" : " (", row == file_types.end() ? "" : row->name,
                  row == file_types.end() ? "" : ")");
    }
    out_.flags_ = get<std::uint32_t>(&file[48]);
    return {};
  }

  Result<void> section_headers() {
    Bytes file = out_.bytes_;
    auto table = get<std::uint64_t>(&file[40]);
    auto entry = get<std::uint16_t>(&file[58]);
    std::uint64_t count = get<std::uint16_t>(&file[60]);
    names_index_ = get<std::uint16_t>(&file[62]);
    if (table == 0) return {};  // no sections at all
    if (entry != section_header_bytes)
      return fail(EINVAL, "ELF header: section headers take {} bytes each, must be {}", entry,
                  section_header_bytes);
    Bytes first = TRY(base::slice(file, table, section_header_bytes, "section header 0"));
    // More than 65,279 sections: the numbers stand in section header 0.
    if (count == 0) count = get<std::uint64_t>(&first[32]);
    if (names_index_ == shn_xindex) names_index_ = get<std::uint32_t>(&first[40]);
    if (count > (file.size() - table) / section_header_bytes)
      return fail(EINVAL, "section headers: {} at offset {} lie outside the file ({} bytes)", count, table,
                  file.size());

    out_.sections_.reserve(count);
    for (std::uint32_t i = 0; i < count; i++) {
      const std::uint8_t* at = &file[table + i * section_header_bytes];
      Section section;
      section.index = i;
      name_offsets_.push_back(get<std::uint32_t>(at));
      section.type = get<std::uint32_t>(at + 4);
      section.flags = get<std::uint64_t>(at + 8);
      section.offset = get<std::uint64_t>(at + 24);
      section.size = get<std::uint64_t>(at + 32);
      section.link = get<std::uint32_t>(at + 40);
      section.info = get<std::uint32_t>(at + 44);
      section.align = get<std::uint64_t>(at + 48);
      section.entry_size = get<std::uint64_t>(at + 56);
      out_.sections_.push_back(section);
    }
    return {};
  }

  // Names first, so that what is wrong with a section can be said with its name.
  Result<void> section_names() {
    if (out_.sections_.empty()) return {};
    if (names_index_ >= out_.sections_.size())
      return fail(EINVAL, "ELF header: section {} shall hold the section names, but there are {} sections",
                  names_index_, out_.sections_.size());
    Bytes names;
    if (names_index_ != 0) {
      Section& table = out_.sections_[names_index_];
      table.name = ".shstrtab";  // until its real name is known
      TRY(find_bytes(table));
      names = table.bytes;
    }
    for (Section& section : out_.sections_) {
      auto name = read_name(names, name_offsets_[section.index], "section header");
      if (!name) return Failure(std::move(name).error().in(fmt::format("section {}", section.index)));
      section.name = *name;
      TRY(find_bytes(section));
    }
    return {};
  }

  Result<void> find_bytes(Section& section) {
    if (section.type == sht::null || section.nobits()) return {};
    Bytes file = out_.bytes_;
    if (section.offset > file.size() || section.size > file.size() - section.offset)
      return fail(EINVAL, "section {} '{}': {} bytes at offset {} lie outside the file ({} bytes)",
                  section.index, section.name, section.size, section.offset, file.size());
    section.bytes = file.subspan(section.offset, section.size);
    return {};
  }

  // The section that another one refers to.
  Result<const Section*> linked(const Section& from, std::uint32_t index, std::string_view what) const {
    if (index == 0 || index >= out_.sections_.size())
      return fail(EINVAL, "section {} '{}': its {} shall be section {}, but there are {} sections",
                  from.index, from.name, what, index, out_.sections_.size());
    return &out_.sections_[index];
  }

  Result<std::size_t> entries(const Section& section, std::size_t record) const {
    if (section.entry_size != record && section.entry_size != 0)
      return fail(EINVAL, "section {} '{}': entries take {} bytes, must be {}", section.index, section.name,
                  section.entry_size, record);
    if (section.bytes.size() % record != 0)
      return fail(EINVAL, "section {} '{}': size {} is not a multiple of {}", section.index, section.name,
                  section.bytes.size(), record);
    return section.bytes.size() / record;
  }

  Result<void> symbols() {
    const Section* table = nullptr;
    const Section* wide = nullptr;  // section numbers above 65,279
    for (const Section& section : out_.sections_) {
      if (section.type == sht::symtab_shndx) wide = &section;
      if (section.type != sht::symtab) continue;
      if (table)
        return fail(EINVAL, "section {} '{}': a second symbol table, the first is section {}", section.index,
                    section.name, table->index);
      table = &section;
    }
    if (!table) return {};
    symbol_table_ = table->index;
    const Section* strings = TRY(linked(*table, table->link, "string table"));
    std::size_t count = TRY(entries(*table, symbol_bytes));
    out_.symbols_.reserve(count);
    for (std::size_t i = 0; i < count; i++) {
      const std::uint8_t* at = &table->bytes[i * symbol_bytes];
      Symbol symbol;
      auto name = read_name(strings->bytes, get<std::uint32_t>(at), "its entry");
      if (!name) return Failure(std::move(name).error().in(fmt::format("symbol {}", i)));
      symbol.name = *name;
      symbol.type = at[4] & 15;
      symbol.binding = at[4] >> 4;
      symbol.visibility = at[5] & 3;
      symbol.value = get<std::uint64_t>(at + 8);
      symbol.size = get<std::uint64_t>(at + 16);
      std::uint32_t section = get<std::uint16_t>(at + 6);
      bool reserved = section >= shn_loreserve;
      if (section == shn_xindex) {
        if (!wide || wide->bytes.size() / 4 <= i)
          return fail(EINVAL,
                      "symbol {} '{}': its section number shall stand in a SYMTAB_SHNDX section, which has "
                      "no entry {}",
                      i, symbol.name, i);
        section = get<std::uint32_t>(&wide->bytes[i * 4]);
        reserved = false;
      }
      if (reserved) {
        symbol.place = section == shn_abs      ? Place::absolute
                       : section == shn_common ? Place::common
                                               : Place::other;
      } else if (section != 0) {
        if (section >= out_.sections_.size())
          return fail(EINVAL, "symbol {} '{}': lies in section {}, but there are {} sections", i, symbol.name,
                      section, out_.sections_.size());
        symbol.place = Place::section;
        symbol.section = section;
      }
      out_.symbols_.push_back(symbol);
    }
    return {};
  }

  Result<void> relocations() {
    out_.relocation_ranges_.resize(out_.sections_.size());
    std::uint64_t total = 0;
    for (const Section& section : out_.sections_) {
      if (section.type == sht::rela)
        return fail(EOPNOTSUPP, "section {} '{}': RELA relocations, eBPF objects have REL (type {})",
                    section.index, section.name, sht::rel);
      if (section.type != sht::rel) continue;
      const Section* target = TRY(linked(section, section.info, "target"));
      if (section.link != symbol_table_ || symbol_table_ == 0)
        return fail(EINVAL, "section {} '{}': its symbol table shall be section {}, which is none",
                    section.index, section.name, section.link);
      std::size_t count = TRY(entries(section, rel_bytes));
      // Overlapping relocation sections could otherwise take memory quadratic in the file's size.
      total += section.bytes.size();
      if (total > out_.bytes_.size())
        return fail(EINVAL, "section {} '{}': relocation sections overlap", section.index, section.name);
      File::Range& range = out_.relocation_ranges_[target->index];
      if (range.count != 0 && count != 0)
        return fail(EINVAL, "section {} '{}': a second relocation section for section {} '{}'", section.index,
                    section.name, target->index, target->name);
      if (count == 0) continue;
      range.first = static_cast<std::uint32_t>(out_.relocations_.size());
      range.count = static_cast<std::uint32_t>(count);
      for (std::size_t i = 0; i < count; i++) TRY(relocation(section, *target, i));
    }
    return {};
  }

  Result<void> relocation(const Section& section, const Section& target, std::size_t index) {
    const std::uint8_t* at = &section.bytes[index * rel_bytes];
    auto info = get<std::uint64_t>(at + 8);
    Relocation relocation;
    relocation.offset = get<std::uint64_t>(at);
    relocation.type = modern_type(static_cast<std::uint32_t>(info));
    relocation.symbol = static_cast<std::uint32_t>(info >> 32);
    if (relocation.offset >= target.bytes.size())
      return fail(EINVAL, "section {} '{}': relocation {} is at offset {}, but section {} '{}' has {} bytes",
                  section.index, section.name, index, relocation.offset, target.index, target.name,
                  target.bytes.size());
    if (relocation.symbol >= out_.symbols_.size())
      return fail(
          EINVAL, "section {} '{}': relocation {} at offset {} names symbol {}, but there are {} symbols",
          section.index, section.name, index, relocation.offset, relocation.symbol, out_.symbols_.size());
    out_.relocations_.push_back(relocation);
    return {};
  }

  File out_;
  std::uint32_t names_index_ = 0, symbol_table_ = 0;
  std::vector<std::uint32_t> name_offsets_;
};

Result<File> File::parse(Bytes file) { return Parser(file).run(); }

const Section* File::find_section(std::string_view name) const {
  for (const Section& section : sections_)
    if (section.index != 0 && section.name == name) return &section;
  return nullptr;
}

const Symbol* File::find_symbol(std::string_view name) const {
  for (const Symbol& symbol : symbols_)
    if (symbol.name == name) return &symbol;
  return nullptr;
}

std::string File::describe_symbol(std::uint32_t index) const {
  if (index >= symbols_.size()) return fmt::format("symbol {}", index);
  const Symbol& symbol = symbols_[index];
  if (!symbol.name.empty()) return fmt::format("'{}'", symbol.name);
  if (symbol.type == stt::section && symbol.place == Place::section)
    return fmt::format("section '{}'", sections_[symbol.section].name);
  return fmt::format("symbol {}", index);
}

std::span<const Relocation> File::relocations(std::uint32_t index) const {
  if (index >= relocation_ranges_.size()) return {};
  Range range = relocation_ranges_[index];
  return std::span(relocations_).subspan(range.first, range.count);
}

}  // namespace skep::elf
