// Listings: a heading per section, a label per symbol, a line per instruction.
#include "skep/object/disassemble.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "skep/object/core_text.h"
#include "skep/object/disassembling.h"

namespace skep::object {
namespace {

constexpr char digits[] = "0123456789abcdef";

// A number in the columns of a listing, written by hand: a listing is mostly such numbers.
void append_padded(std::string& out, std::uint64_t value, unsigned base, unsigned width, char fill) {
  char text[24];
  char* at = text + sizeof text;
  do {
    *--at = digits[value % base];
    value /= base;
  } while (value != 0);
  unsigned count = static_cast<unsigned>(text + sizeof text - at);
  if (count < width) out.append(width - count, fill);
  out.append(at, count);
}

void append_bytes(std::string& out, Bytes bytes, bool space_after) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
    if (space_after || i + 1 < bytes.size()) out += ' ';
  }
}

class Listing {
 public:
  Listing(const CodeView& view, const CodeSection& code, const DisassembleOptions& options, std::string& out)
      : view_(view),
        code_(code),
        options_(options),
        out_(out),
        bytes_(code.section->bytes),
        cursor_(bytes_, view.file->order()),
        gnu_(options.dialect == isa::Dialect::gnu) {
    print_.dialect = options.dialect;
    // binutils' columns grow by four digits.
    unsigned width = (static_cast<unsigned>(std::bit_width(bytes_.size())) + 15) / 16 * 4;
    address_width_ = gnu_ ? std::max(4u, width) : 8;
  }

  void run() {
    bool first = true;
    for (const Region& region : regions(code_, options_)) {
      if (first)
        fmt::format_to(std::back_inserter(out_), "\nDisassembly of section {}:\n", code_.section->name);
      first = false;
      label(region);
      if (region.label->type == elf::stt::object && !gnu_)
        data(region);
      else
        instructions(region);
    }
  }

 private:
  void label(const Region& region) {
    out_ += '\n';
    append_padded(out_, region.first, 16, 16, '0');
    out_ += " <";
    out_ += region.label->name;
    out_ += ">:\n";
  }

  // Objects among the instructions: bytes and what they are in ASCII.
  void data(const Region& region) {
    for (std::uint64_t at = region.first; at < region.end; at += 8) {
      Bytes row = bytes_.subspan(at, std::min<std::uint64_t>(8, region.end - at));
      append_padded(out_, at, 16, 8, ' ');
      out_ += ": ";
      append_bytes(out_, row, false);
      out_.append(3 * (8 - row.size()) + 9, ' ');
      for (std::uint8_t byte : row) out_ += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
      out_ += '\n';
    }
  }

  void instructions(const Region& region) {
    for (std::uint64_t at = region.first; at < region.end;) {
      if (std::uint64_t zeros = skippable_zeros(at, region.end); zeros != 0) {
        out_ += gnu_ ? "\t...\n" : "\t\t...\n";
        at += zeros;
        continue;
      }
      std::optional<isa::Decoded> insn = cursor_.at(at);
      std::uint64_t size = insn ? insn->slots * sizeof(isa::Insn) : cursor_.unknown_bytes(at);
      if (options_.source) source_line(at);
      address(at);
      if (options_.raw) raw(at, size);
      if (insn) {
        isa::print(out_, *insn, print_);
        if (std::optional<std::uint64_t> target = gnu_ ? std::nullopt : jump_target(*insn, at)) {
          out_ += " <";
          print_place(out_, code_, *target);
          out_ += '>';
        }
      } else {
        out_ += gnu_ ? "*unknown*" : "<unknown>";
      }
      out_ += '\n';
      if (options_.raw && gnu_ && size > sizeof(isa::Insn)) second_raw(at + sizeof(isa::Insn));
      if (options_.relocations) records(at, at + size);
      at += size;
    }
  }

  // A run of zeros is shown as "..."; not past a relocation that is to be shown.
  std::uint64_t skippable_zeros(std::uint64_t at, std::uint64_t end) const {
    if (bytes_[at] != 0) return 0;
    if (options_.relocations) {
      auto next =
          std::lower_bound(code_.relocations.begin(), code_.relocations.end(), at,
                           [](const elf::Relocation& r, std::uint64_t offset) { return r.offset < offset; });
      if (next != code_.relocations.end()) end = std::min(end, next->offset);
    }
    std::uint64_t last = at;
    while (last < end && bytes_[last] == 0) ++last;
    return last - at < 8 ? 0 : (last - at) & ~std::uint64_t{3};
  }

  void address(std::uint64_t at) {
    if (gnu_)
      append_padded(out_, at, 16, address_width_, ' ');
    else
      append_padded(out_, at / sizeof(isa::Insn), 10, address_width_, ' ');
    out_ += ":\t";
  }

  void raw(std::uint64_t at, std::uint64_t size) {
    append_bytes(out_, bytes_.subspan(at, gnu_ ? std::min<std::uint64_t>(size, 8) : size), gnu_);
    out_ += '\t';
  }

  void second_raw(std::uint64_t at) {
    address(at);
    append_bytes(out_, bytes_.subspan(at, sizeof(isa::Insn)), true);
    out_ += '\n';
  }

  // The line that begins with the instruction; not again if the instruction before began it, too. Line 0 is
  // the compiler's own code.
  void source_line(std::uint64_t at) {
    const btf::LineInfo* line = nullptr;
    for (; line_ < code_.lines.size() && code_.lines[line_].insn_off <= at; ++line_)
      line = &code_.lines[line_];
    const btf::LineInfo* before = std::exchange(shown_, line);
    if (line == nullptr || line->line() == 0) return;
    if (before && before->line() == line->line() && before->file_name_off == line->file_name_off) return;
    out_ += "; ";
    out_ += view_.btf->string(line->line_off);
    out_ += '\n';
  }

  void records(std::uint64_t first, std::uint64_t end) {
    for (; relocation_ < code_.relocations.size() && code_.relocations[relocation_].offset < end;
         ++relocation_) {
      const elf::Relocation& relocation = code_.relocations[relocation_];
      if (relocation.offset < first) continue;
      record(relocation.offset, elf::relocation_type_name(relocation.type), "\t");
      out_ += target_name(*view_.file, relocation);
      out_ += '\n';
    }
    for (; core_ < code_.core.size() && code_.core[core_].insn_off < end; ++core_) {
      if (code_.core[core_].insn_off < first) continue;
      record(code_.core[core_].insn_off, "CO-RE", " ");
      out_ += print_core(*view_.btf, code_.core[core_]);
      out_ += '\n';
    }
  }

  void record(std::uint64_t offset, std::string_view type, std::string_view separator) {
    if (gnu_) {
      out_ += "\t\t\t";
      append_padded(out_, offset, 16, 1, ' ');
      out_ += ": ";
    } else {
      out_ += "\t\t";
      append_padded(out_, offset, 16, 16, '0');
      out_ += ":  ";
    }
    out_ += type;
    out_ += separator;
  }

  const CodeView& view_;
  const CodeSection& code_;
  const DisassembleOptions& options_;
  std::string& out_;
  Bytes bytes_;
  Cursor cursor_;
  bool gnu_;
  isa::PrintOptions print_;
  unsigned address_width_ = 8;
  std::size_t line_ = 0, relocation_ = 0, core_ = 0;
  const btf::LineInfo* shown_ = nullptr;  // of the instruction before
};

}  // namespace

Result<std::string> disassemble(const elf::File& file, const DisassembleOptions& options) {
  CodeView view = TRY(view_code(file, options));
  bool little = file.order() == std::endian::little;
  std::string out =
      options.dialect == isa::Dialect::gnu
          ? fmt::format("\n{}:     file format elf64-{}\n\n", options.name, little ? "bpfle" : "bpfbe")
          : fmt::format("\n{}:\tfile format elf64-bpf\n", options.name);
  std::size_t bytes = 0;
  for (const CodeSection& code : view.sections) bytes += code.section->bytes.size();
  out.reserve(out.size() + bytes * 8);
  for (const CodeSection& code : view.sections) Listing(view, code, options, out).run();
  return out;
}

}  // namespace skep::object
