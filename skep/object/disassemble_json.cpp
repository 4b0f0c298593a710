// Sections, functions and instructions as JSON.
#include "skep/base/json.h"
#include "skep/object/core_text.h"
#include "skep/object/disassembling.h"

namespace skep::object {
namespace {

std::string hex(Bytes bytes) {
  std::string out;
  for (std::uint8_t byte : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

class Document {
 public:
  Document(const CodeView& view, const DisassembleOptions& options)
      : view_(view), options_(options), json_(true), order_(view.file->order()) {
    print_.dialect = options.dialect;
  }

  std::string run() {
    json_.object();
    json_.member("file", options_.name);
    json_.member("byte_order", order_ == std::endian::little ? "little" : "big");
    json_.key("sections");
    json_.array();
    for (const CodeSection& code : view_.sections) section(code);
    json_.end();
    json_.end();
    return json_.take() + "\n";
  }

 private:
  void section(const CodeSection& code) {
    line_ = relocation_ = core_ = 0;
    json_.object();
    json_.member("name", code.section->name);
    json_.member("bytes", std::uint64_t{code.section->bytes.size()});
    json_.key("functions");
    json_.array();
    for (const Region& region : regions(code, options_)) {
      json_.object();
      json_.member("name", region.label->name);
      json_.member("offset", region.first);
      json_.key("instructions");
      json_.array();
      Cursor cursor(code.section->bytes, order_);
      for (std::uint64_t at = region.first; at < region.end;) at += instruction(code, cursor, at);
      json_.end();
      json_.end();
    }
    json_.end();
    json_.end();
  }

  std::uint64_t instruction(const CodeSection& code, const Cursor& cursor, std::uint64_t at) {
    std::optional<isa::Decoded> insn = cursor.at(at);
    std::uint64_t size = insn ? insn->slots * sizeof(isa::Insn) : cursor.unknown_bytes(at);
    json_.object();
    json_.member("offset", at);
    json_.member("slot", at / sizeof(isa::Insn));
    json_.member("raw", hex(code.section->bytes.subspan(at, size)));
    if (insn)
      fields(code, *insn, at);
    else
      json_.member("text", "<unknown>");
    records(code, at, at + size);
    json_.end();
    return size;
  }

  void fields(const CodeSection& code, const isa::Decoded& insn, std::uint64_t at) {
    const isa::Op& op = insn.row();
    json_.member("op", op.name);
    json_.member("text", isa::print(insn, print_));
    if (op.has(isa::uses_dst)) json_.member("dst", int{insn.dst});
    if (op.has(isa::uses_src)) json_.member("src", int{insn.src});
    if (op.has(isa::uses_off)) json_.member("off", int{insn.off});
    if (op.has(isa::uses_imm)) json_.member("imm", insn.imm);
    if (std::optional<std::uint64_t> target = jump_target(insn, at)) {
      std::string place;
      print_place(place, code, *target);
      json_.member("target", place);
    }
  }

  void records(const CodeSection& code, std::uint64_t first, std::uint64_t end) {
    for (; line_ < code.lines.size() && code.lines[line_].insn_off < end; ++line_) {
      const btf::LineInfo& line = code.lines[line_];
      if (line.insn_off != first) continue;
      json_.key("line");
      json_.object();
      json_.member("file", view_.btf->string(line.file_name_off));
      json_.member("line", line.line());
      json_.member("column", line.column());
      json_.member("text", view_.btf->string(line.line_off));
      json_.end();
      break;
    }
    while (line_ < code.lines.size() && code.lines[line_].insn_off < end) ++line_;
    list(
        code.relocations, relocation_, first, end, "relocations",
        [](const elf::Relocation& r) { return r.offset; },
        [&](const elf::Relocation& relocation) {
          json_.object();
          json_.member("type", elf::relocation_type_name(relocation.type));
          json_.member("symbol", target_name(*view_.file, relocation));
          json_.end();
        });
    list(
        std::span(code.core), core_, first, end, "core",
        [](const btf::CoreRelocation& r) { return std::uint64_t{r.insn_off}; },
        [&](const btf::CoreRelocation& relocation) { json_.string(print_core(*view_.btf, relocation)); });
  }

  // The records of [first, end) as an array, if there are any.
  template <class T, class Place, class Write>
  void list(std::span<const T> all, std::size_t& next, std::uint64_t first, std::uint64_t end,
            std::string_view key, Place place, Write write) {
    bool open = false;
    for (; next < all.size() && place(all[next]) < end; ++next) {
      if (place(all[next]) < first) continue;
      if (!open) {
        json_.key(key);
        json_.array();
        open = true;
      }
      write(all[next]);
    }
    if (open) json_.end();
  }
  const CodeView& view_;
  const DisassembleOptions& options_;
  base::JsonWriter json_;
  std::endian order_;
  isa::PrintOptions print_;
  std::size_t line_ = 0, relocation_ = 0, core_ = 0;
};

}  // namespace

Result<std::string> disassemble_json(const elf::File& file, const DisassembleOptions& options) {
  DisassembleOptions all = options;
  all.source = all.relocations = true;
  CodeView view = TRY(view_code(file, all));
  return Document(view, all).run();
}

}  // namespace skep::object
