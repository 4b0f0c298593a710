// The format strings of bpf_trace_printk, bpf_trace_vprintk, bpf_snprintf and bpf_seq_printf: which
// conversions there are. Facts: bpf_bprintf_prepare() in kernel/bpf/helpers.c,
// Documentation/core-api/printk-formats.rst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skep::uapi {

enum class Conversion : std::uint8_t {
  text,       // no conversion: text as it stands, or the percent sign of %%
  number,     // %d %i %u %x %X, with no, l or ll
  character,  // %c
  string,     // %s %pks %pus
  pointer,    // %p %px %pK
  symbol,     // %ps %pS %pB
  ipv4,       // %pi4 %pI4
  ipv6,       // %pi6 %pI6
};

struct FormatPiece {
  Conversion conversion = Conversion::text;
  std::string_view text;
  bool minus = false, plus = false, space = false, zero = false;
  std::size_t width = 0;
  char letter = 0;     // d i u x X, or the one behind %p; 0: plain %p
  unsigned longs = 0;  // l before a number
};

class FormatReader {
 public:
  explicit FormatReader(std::string_view format) : format_(format) {}
  // 1: the next piece; 0: that was all; -EINVAL: a conversion that BPF programs may not use, or a byte
  // outside of printable ASCII anywhere in the format. Each piece but text takes one argument.
  int next(FormatPiece& piece);

 private:
  char at(std::size_t i) const { return i < format_.size() ? format_[i] : '\0'; }
  int read_pointer(FormatPiece& piece);

  std::string_view format_;
  std::size_t at_ = 0;
};

// How many arguments the format takes, or -EINVAL.
long format_arguments(std::string_view format);

}  // namespace skep::uapi
