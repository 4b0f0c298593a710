// Formatting for BPF programs.
#include "skep/runtime/format.h"

#include <cerrno>
#include <cstring>

#include "skep/base/bytes.h"
#include "skep/runtime/user_memory.h"
#include "skep/uapi/format.h"

namespace skep::runtime {
namespace {

struct Output {
  char* to;
  std::size_t room;
  std::size_t length = 0;
  void put(char c) {
    if (length + 1 < room) to[length] = c;
    length++;
  }
  void put(std::string_view text) {
    for (char c : text) put(c);
  }
};

using uapi::Conversion;
using Spec = uapi::FormatPiece;

void put_padded(Output& out, const Spec& spec, std::string_view prefix, std::string_view text, bool number) {
  std::size_t length = prefix.size() + text.size();
  std::size_t pad = spec.width > length ? spec.width - length : 0;
  bool zeros = number && spec.zero && !spec.minus;
  if (!spec.minus && !zeros)
    for (std::size_t i = 0; i < pad; i++) out.put(' ');
  out.put(prefix);
  if (zeros)
    for (std::size_t i = 0; i < pad; i++) out.put('0');
  out.put(text);
  if (spec.minus)
    for (std::size_t i = 0; i < pad; i++) out.put(' ');
}

void put_number(Output& out, const Spec& spec, std::uint64_t value, bool is_signed, unsigned base, bool upper,
                bool alternate = false) {
  bool negative = is_signed && static_cast<std::int64_t>(value) < 0;
  if (negative) value = ~value + 1;
  char digits[24];
  char* at = digits + sizeof digits;
  do {
    auto digit = static_cast<unsigned>(value % base);
    *--at = static_cast<char>(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
    value /= base;
  } while (value);
  std::string_view prefix = negative                  ? "-"
                            : is_signed && spec.plus  ? "+"
                            : is_signed && spec.space ? " "
                            : alternate && base == 16 ? (upper ? "0X" : "0x")
                                                      : "";
  put_padded(out, spec, prefix, {at, static_cast<std::size_t>(digits + sizeof digits - at)}, true);
}

// IPv6 as %pI6 (all digits) or %pi6 (without colons).
void put_ipv6(Output& out, const std::uint8_t* bytes, bool colons) {
  constexpr char hex[] = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    if (colons && i && i % 2 == 0) out.put(':');
    out.put(hex[bytes[i] >> 4]);
    out.put(hex[bytes[i] & 15]);
  }
}

void put_conversion(Output& out, Spec spec, std::uint64_t value) {
  const bool upper = spec.letter == 'X';
  switch (spec.conversion) {
    case Conversion::text: out.put(spec.text); return;
    case Conversion::number: {
      const bool is_signed = spec.letter == 'd' || spec.letter == 'i';
      if (spec.longs == 0)
        value = is_signed ? static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)})
                          : static_cast<std::uint32_t>(value);
      put_number(out, spec, value, is_signed, upper || spec.letter == 'x' ? 16 : 10, upper);
      return;
    }
    case Conversion::character: {
      const char character = static_cast<char>(value);
      put_padded(out, spec, {}, {&character, 1}, false);
      return;
    }
    case Conversion::string: {
      char text[512];
      long length = UserMemory().read_string(text, value, sizeof text);
      if (length == -E2BIG) length = sizeof text - 1;
      put_padded(out, spec, {}, {text, static_cast<std::size_t>(length < 0 ? 0 : length)}, false);
      return;
    }
    case Conversion::pointer:
      if (spec.width == 0) spec.width = 16, spec.zero = true;
      put_number(out, spec, value, false, 16, false);
      return;
    case Conversion::symbol:
      // No symbols here: the number, as the kernel prints an address without one.
      put_number(out, spec, value, false, 16, false, true);
      return;
    case Conversion::ipv4:
    case Conversion::ipv6: {
      const bool v4 = spec.conversion == Conversion::ipv4;
      std::uint8_t bytes[16] = {};
      if (!copy_guarded(bytes, reinterpret_cast<const void*>(value), v4 ? 4 : 16)) std::memset(bytes, 0, 16);
      if (!v4) return put_ipv6(out, bytes, spec.letter == 'I');
      for (int b = 0; b < 4; b++) {
        if (b) out.put('.');
        Spec part;
        if (spec.letter == 'i') part.width = 3, part.zero = true;
        put_number(out, part, bytes[b], false, 10, false);
      }
      return;
    }
  }
}

}  // namespace

long format_bpf(std::string_view format, std::span<const std::uint64_t> args, char* buffer,
                std::size_t size) {
  Output out{buffer, size};
  std::size_t used = 0;
  uapi::FormatReader reader(format);
  Spec piece;
  int more = 0;
  while ((more = reader.next(piece)) > 0) {
    const bool takes = piece.conversion != Conversion::text;
    if (takes && used == args.size()) return -E2BIG;
    put_conversion(out, piece, takes ? args[used++] : 0);
  }
  if (more < 0) return more;
  if (size) buffer[out.length < size ? out.length : size - 1] = 0;
  return static_cast<long>(out.length);
}

}  // namespace skep::runtime
