// The writer: names are gathered, symbols sorted, contents placed, headers written last.
#include "skep/elf/write.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

namespace skep::elf {
namespace {

constexpr std::size_t header_bytes = 64, section_header_bytes = 64, symbol_bytes = 24, rel_bytes = 16;
constexpr std::uint32_t shn_loreserve = 0xff00, shn_abs = 0xfff1, shn_common = 0xfff2, shn_xindex = 0xffff;
constexpr std::uint64_t shf_exclude = 0x80000000;

// A string table in which a name that ends another one shares its bytes.
class Strings {
 public:
  void add(std::string_view name) { offsets_.emplace(name, 0); }
  void finish() {
    // By their reversed text, the greatest first: a name's longer relatives stand right before it.
    std::vector<std::string_view> names;
    for (const auto& [name, offset] : offsets_) names.push_back(name);
    std::sort(names.begin(), names.end(), [](std::string_view a, std::string_view b) {
      return std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend());
    });
    bytes_.push_back(0);
    std::string_view before;
    for (std::string_view name : names) {
      if (name.empty()) continue;
      if (!before.ends_with(name)) {
        bytes_.insert(bytes_.end(), name.begin(), name.end());
        bytes_.push_back(0);
        before = name;
      }
      // `before` ends right before the last NUL.
      offsets_[name] = bytes_.size() - 1 - name.size();
    }
  }
  std::uint32_t offset(std::string_view name) const {
    return static_cast<std::uint32_t>(offsets_.find(name)->second);
  }
  const Buffer& bytes() const { return bytes_; }

 private:
  std::unordered_map<std::string_view, std::size_t> offsets_;
  Buffer bytes_;
};

struct Header {
  std::string name;
  std::uint32_t type = 0;
  std::uint64_t flags = 0, offset = 0, size = 0, align = 0, entry_size = 0;
  std::uint32_t link = 0, info = 0;
};

class ObjectWriter {
 public:
  explicit ObjectWriter(const NewFile& file) : file_(file), out_(file.order) {}

  Result<Buffer> run() {
    TRY(check_indices());
    number_sections();
    sort_symbols();
    gather_names();
    if (strings_.bytes().size() > UINT32_MAX) return fail(E2BIG, "the names take more than 4 GiB");
    out_.bytes(Buffer(header_bytes));
    place_sections();
    place_symbols();
    place_relocations();
    place_address_significant();
    place(headers_[strtab_], strings_.bytes());
    std::uint64_t table = place_headers();
    file_header(table);
    return out_.take();
  }

 private:
  Result<void> check_indices() const {
    for (const NewSection& section : file_.sections) {
      if (!std::has_single_bit(section.align))
        return fail(EINVAL, "section '{}': alignment {} is no power of two", section.name, section.align);
      for (const Relocation& relocation : section.relocations) {
        if (relocation.symbol >= file_.symbols.size())
          return fail(EINVAL, "section '{}': a relocation names symbol {}, but there are {} symbols",
                      section.name, relocation.symbol, file_.symbols.size());
        if (relocation.offset >= section.bytes.size())
          return fail(EINVAL, "section '{}': a relocation is at offset {}, but the section has {} bytes",
                      section.name, relocation.offset, section.bytes.size());
      }
    }
    for (const NewSymbol& symbol : file_.symbols)
      if (symbol.place == Place::section && symbol.section >= file_.sections.size())
        return fail(EINVAL, "symbol '{}': lies in section {}, but there are {} sections", symbol.name,
                    symbol.section, file_.sections.size());
    for (std::uint32_t symbol : file_.address_significant.value_or(std::vector<std::uint32_t>()))
      if (symbol >= file_.symbols.size())
        return fail(EINVAL, "symbol {} has a significant address, but there are {} symbols", symbol,
                    file_.symbols.size());
    if (file_.sections.size() > UINT32_MAX / 2 - 8)
      return fail(E2BIG, "{} sections, which are too many", file_.sections.size());
    return {};
  }

  void number_sections() {
    headers_.push_back({});
    strtab_ = append({.name = ".strtab", .type = sht::strtab, .align = 1});
    for (const NewSection& section : file_.sections) {
      numbers_.push_back(append({.name = section.name,
                                 .type = section.type,
                                 .flags = section.flags,
                                 .align = section.align,
                                 .entry_size = section.entry_size}));
      relocations_.push_back(0);
      if (section.relocations.empty()) continue;
      relocations_.back() = append({.name = ".rel" + section.name,
                                    .type = sht::rel,
                                    .flags = shf::info_link,
                                    .align = 8,
                                    .entry_size = rel_bytes,
                                    .info = numbers_.back()});
    }
    if (file_.address_significant)
      addrsig_ =
          append({.name = ".llvm_addrsig", .type = sht::llvm_addrsig, .flags = shf_exclude, .align = 1});
    symtab_ = append({.name = ".symtab", .type = sht::symtab, .align = 8, .entry_size = symbol_bytes});
    if (headers_.size() > shn_loreserve)
      wide_ = append({.name = ".symtab_shndx", .type = sht::symtab_shndx, .align = 4, .entry_size = 4});
    for (std::uint32_t number : relocations_)
      if (number != 0) headers_[number].link = symtab_;
    headers_[addrsig_].link = addrsig_ != 0 ? symtab_ : 0;
    headers_[symtab_].link = strtab_;
    if (wide_ != 0) headers_[wide_].link = symtab_;
  }

  std::uint32_t append(Header header) {
    headers_.push_back(std::move(header));
    return static_cast<std::uint32_t>(headers_.size() - 1);
  }

  // The ABI wants local symbols first.
  void sort_symbols() {
    order_.resize(file_.symbols.size());
    std::iota(order_.begin(), order_.end(), 0u);
    auto rank = [&](std::uint32_t index) {
      const NewSymbol& symbol = file_.symbols[index];
      return symbol.binding != stb::local ? 2 : symbol.type == stt::file ? 0 : 1;
    };
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return rank(a) < rank(b); });
    places_.resize(order_.size());
    for (std::uint32_t i = 0; i < order_.size(); i++) places_[order_[i]] = i + 1;  // 0: the null symbol
    auto locals = std::count_if(order_.begin(), order_.end(), [&](std::uint32_t i) { return rank(i) < 2; });
    headers_[symtab_].info = static_cast<std::uint32_t>(locals) + 1;
  }

  void gather_names() {
    for (const Header& header : headers_) strings_.add(header.name);
    for (const NewSymbol& symbol : file_.symbols) strings_.add(symbol.name);
    strings_.finish();
  }

  void place(Header& header, Bytes bytes) {
    out_.pad_to(header.align);
    header.offset = out_.size();
    header.size = bytes.size();
    out_.bytes(bytes);
  }

  void place_sections() {
    for (std::size_t i = 0; i < file_.sections.size(); i++) {
      const NewSection& section = file_.sections[i];
      Header& header = headers_[numbers_[i]];
      if (section.type == sht::nobits) {
        out_.pad_to(header.align);
        header.offset = out_.size();
        header.size = section.size;
      } else {
        place(header, section.bytes);
      }
    }
  }

  std::uint32_t section_of(const NewSymbol& symbol) const {
    switch (symbol.place) {
      case Place::section: return numbers_[symbol.section];
      case Place::absolute: return shn_abs;
      case Place::common: return shn_common;
      case Place::undefined:
      case Place::other: return 0;
    }
    return 0;
  }

  void place_symbols() {
    base::Writer table(file_.order), wide(file_.order);
    table.bytes(Buffer(symbol_bytes));
    wide.u32(0);
    for (std::uint32_t index : order_) {
      const NewSymbol& symbol = file_.symbols[index];
      std::uint32_t section = section_of(symbol);
      bool far = symbol.place == Place::section && section >= shn_loreserve;
      table.u32(strings_.offset(symbol.name));
      table.u8(static_cast<std::uint8_t>(symbol.binding << 4 | (symbol.type & 15)));
      table.u8(symbol.visibility);
      table.u16(static_cast<std::uint16_t>(far ? shn_xindex : section));
      table.u64(symbol.value);
      table.u64(symbol.size);
      wide.u32(far ? section : 0);
    }
    place(headers_[symtab_], table.buffer());
    if (wide_ != 0) place(headers_[wide_], wide.buffer());
  }

  void place_relocations() {
    for (std::size_t i = 0; i < file_.sections.size(); i++) {
      if (relocations_[i] == 0) continue;
      base::Writer table(file_.order);
      for (const Relocation& relocation : file_.sections[i].relocations) {
        table.u64(relocation.offset);
        table.u64(std::uint64_t{places_[relocation.symbol]} << 32 | relocation.type);
      }
      place(headers_[relocations_[i]], table.buffer());
    }
  }

  void place_address_significant() {
    if (addrsig_ == 0) return;
    Buffer bytes;
    for (std::uint32_t symbol : *file_.address_significant)
      for (std::uint32_t left = places_[symbol], more = 1; more != 0;) {
        more = left > 0x7f ? 0x80 : 0;
        bytes.push_back(static_cast<std::uint8_t>((left & 0x7f) | more));
        left >>= 7;
      }
    place(headers_[addrsig_], bytes);
  }

  std::uint64_t place_headers() {
    out_.pad_to(8);
    std::uint64_t at = out_.size();
    if (headers_.size() >= shn_loreserve) {  // numbers that the file header has no room for
      headers_[0].size = headers_.size();
      headers_[0].link = strtab_;
    }
    for (const Header& header : headers_) {
      out_.u32(strings_.offset(header.name));
      out_.u32(header.type);
      out_.u64(header.flags);
      out_.u64(0);  // address
      out_.u64(header.offset);
      out_.u64(header.size);
      out_.u32(header.link);
      out_.u32(header.info);
      out_.u64(header.align);
      out_.u64(header.entry_size);
    }
    return at;
  }

  void file_header(std::uint64_t table) {
    base::Writer header(file_.order);
    bool little = file_.order == std::endian::little;
    for (int byte : {0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1})
      header.u8(static_cast<std::uint8_t>(byte));
    header.bytes(Buffer(9));  // System V, padding
    header.u16(1);            // relocatable
    header.u16(file_.machine);
    header.u32(1);
    header.u64(0);  // entry
    header.u64(0);  // no program headers
    header.u64(table);
    header.u32(file_.flags);
    header.u16(header_bytes);
    header.u16(0);
    header.u16(0);
    header.u16(section_header_bytes);
    header.u16(headers_.size() >= shn_loreserve ? std::uint16_t{0}
                                                : static_cast<std::uint16_t>(headers_.size()));
    header.u16(static_cast<std::uint16_t>(strtab_));
    Buffer bytes = header.take();
    for (std::size_t i = 0; i < bytes.size(); i++) out_.patch(i, bytes[i]);
  }

  const NewFile& file_;
  base::Writer out_;
  Strings strings_;
  std::vector<Header> headers_;
  std::vector<std::uint32_t> numbers_;      // NewFile's section -> the file's
  std::vector<std::uint32_t> relocations_;  // NewFile's section -> the file's REL section; 0: none
  std::vector<std::uint32_t> order_, places_;
  std::uint32_t strtab_ = 0, symtab_ = 0, wide_ = 0, addrsig_ = 0;
};

}  // namespace

Result<Buffer> write(const NewFile& file) { return ObjectWriter(file).run(); }

}  // namespace skep::elf
