// Printing: the row's template of the dialect, with its placeholders filled in.
//
// A placeholder is `$` and one of
//   d s    dst, src register
//   D S    the same with the letter of the ALU's width: w1 or r1
//   V W    dst, src as the value of an access: w1 if it is narrower than 64 bits
//   Z      r0 or w0 by width
//   t      type of the access: u32, s8
//   o      offset with its sign
//   i k    imm; off as a plain number
//   q      64-bit imm of lddw
//   l h v  its halves; the low one unsigned
//   u      value of src that the row has
//   p m    operator symbol, GNU mnemonic
//   j J    jump distance in off, in imm
//   n b    width, sign_from
//   x y    destination and source address space of a cast
//   f      helper
//   6      "64" if the width is 64
#include "skep/isa/print.h"

#include <charconv>

#include "skep/base/check.h"

namespace skep::isa {
namespace {

void append_number(std::string& out, std::uint64_t value, int base) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value, base).ptr);
}

// 0x8, -0x8
void append_hex(std::string& out, std::int64_t value) {
  std::uint64_t magnitude = static_cast<std::uint64_t>(value);
  if (value < 0) {
    out += '-';
    magnitude = 0 - magnitude;
  }
  out += "0x";
  append_number(out, magnitude, 16);
}

void append_decimal(std::string& out, std::int64_t value) {
  std::uint64_t magnitude = static_cast<std::uint64_t>(value);
  if (value < 0) {
    out += '-';
    magnitude = 0 - magnitude;
  }
  append_number(out, magnitude, 10);
}

class Printer {
 public:
  Printer(std::string& out, const Decoded& decoded, const PrintOptions& options)
      : out_(out), insn_(decoded), op_(decoded.row()), options_(options) {}

  void print(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '$')
        placeholder(text[++i]);
      else
        out_ += text[i];
    }
  }

 private:
  bool gnu() const { return options_.dialect == Dialect::gnu; }

  void reg(unsigned number, bool wide) {
    if (gnu()) {
      if (number == 10) {
        out_ += "%fp";
        return;
      }
      out_ += "%r";
    } else {
      out_ += wide ? 'r' : 'w';
    }
    append_number(out_, number, 10);
  }

  void number(std::int64_t value) {
    switch (options_.dialect) {
      case Dialect::kernel: return append_hex(out_, value);
      case Dialect::log:
        // The log has the comparison's constant as 32 unsigned bits, all others as signed decimals.
        if (op_.action != Class::jump_if) return append_decimal(out_, value);
        out_ += "0x";
        return append_number(out_, static_cast<std::uint32_t>(value), 16);
      case Dialect::gnu: return gnu_number(value);
    }
  }

  // binutils prints 0 to 9, negative numbers and what call has in decimal, the others in hexadecimal.
  void gnu_number(std::int64_t value) {
    if (value < 10 || op_.action == Class::call) return append_decimal(out_, value);
    append_hex(out_, value);
  }

  void offset(std::int64_t value) {
    switch (options_.dialect) {
      case Dialect::kernel:
        out_ += value < 0 ? "- " : "+ ";
        return append_hex(out_, value < 0 ? -value : value);
      case Dialect::log:
        if (value >= 0) out_ += '+';
        return append_decimal(out_, value);
      case Dialect::gnu: out_ += '+'; return gnu_number(value);
    }
  }

  void jump(std::int64_t distance) {
    switch (options_.dialect) {
      case Dialect::kernel:
        if (distance >= 0) out_ += '+';
        return append_hex(out_, distance);
      case Dialect::log: out_ += distance < 0 ? "pc" : "pc+"; return append_decimal(out_, distance);
      case Dialect::gnu: return append_decimal(out_, distance);
    }
  }

  void helper() {
    std::uint32_t id = static_cast<std::uint32_t>(insn_.imm);
    std::string_view name = options_.helper_name != nullptr ? options_.helper_name(id) : std::string_view{};
    out_ += name.empty() ? std::string_view{"unknown"} : name;
    out_ += '#';
    append_decimal(out_, insn_.imm);
  }

  void type() {
    out_ += op_.sign_from != 0 ? 's' : 'u';
    append_number(out_, op_.width, 10);
  }

  void wide_value() {
    if (options_.dialect != Dialect::log) {
      number(insn_.imm);
      return;
    }
    out_ += "0x";
    append_number(out_, static_cast<std::uint64_t>(insn_.imm), 16);
  }

  void placeholder(char letter) {
    bool wide = op_.width == 64;
    switch (letter) {
      case 'd': return reg(insn_.dst, true);
      case 's': return reg(insn_.src, true);
      case 'D':
      case 'V': return reg(insn_.dst, wide);
      case 'S':
      case 'W': return reg(insn_.src, wide);
      case 'Z': return reg(0, wide);
      case 't': return type();
      case 'o': return offset(insn_.off);
      case 'i': return number(insn_.imm);
      case 'q': return wide_value();
      case 'l': return number(insn_.imm_low());
      case 'u': return number(op_.field_value);
      case 'v': return number(static_cast<std::uint32_t>(insn_.imm));
      case 'h': return number(insn_.imm_high());
      case 'p': out_ += op_.symbol; return;
      case 'm': out_ += op_.gnu; return;
      case 'j': return jump(insn_.off);
      case 'J': return jump(insn_.imm);
      case 'n': return append_number(out_, op_.width, 10);
      case 'b': return append_number(out_, op_.sign_from, 10);
      case 'x': return number(static_cast<std::uint32_t>(insn_.imm) >> 16);
      case 'y': return number(insn_.imm & 0xffff);
      case 'f': return helper();
      case 'k': return number(insn_.off);
      case '6':
        if (wide) out_ += "64";
        return;
      default: check(false, "a template has a placeholder that the printer does not know");
    }
  }

  std::string& out_;
  const Decoded& insn_;
  const Op& op_;
  const PrintOptions& options_;
};

std::string_view choose(const Syntax& syntax, const PrintOptions& options) {
  switch (options.dialect) {
    case Dialect::kernel:
      return options.exact && !syntax.exact_kernel.empty() ? syntax.exact_kernel : syntax.kernel;
    case Dialect::log: return syntax.log.empty() ? syntax.kernel : syntax.log;
    case Dialect::gnu: return options.exact && !syntax.exact_gnu.empty() ? syntax.exact_gnu : syntax.gnu;
  }
  return syntax.kernel;
}

}  // namespace

void print(std::string& out, const Decoded& decoded, const PrintOptions& options) {
  Printer(out, decoded, options).print(choose(*decoded.row().syntax, options));
}

std::string print(const Decoded& decoded, const PrintOptions& options) {
  std::string text;
  print(text, decoded, options);
  return text;
}

}  // namespace skep::isa
