// Formatting for BPF programs. Facts: bpf_bprintf_prepare() in kernel/bpf/helpers.c,
// Documentation/core-api/printk-formats.rst.
#include "skep/runtime/format.h"

#include <arpa/inet.h>

#include <cctype>
#include <cerrno>
#include <cstring>

#include "skep/base/bytes.h"
#include "skep/runtime/user_memory.h"

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

struct Spec {
  bool minus = false, plus = false, space = false, zero = false, alternate = false;
  std::size_t width = 0;
};

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

void put_number(Output& out, const Spec& spec, std::uint64_t value, bool is_signed, unsigned base,
                bool upper) {
  bool negative = is_signed && static_cast<std::int64_t>(value) < 0;
  if (negative) value = ~value + 1;
  char digits[24];
  char* at = digits + sizeof digits;
  do {
    auto digit = static_cast<unsigned>(value % base);
    *--at = static_cast<char>(digit < 10 ? '0' + digit : (upper ? 'A' : 'a') + digit - 10);
    value /= base;
  } while (value);
  std::string_view prefix = negative                       ? "-"
                            : is_signed && spec.plus       ? "+"
                            : is_signed && spec.space      ? " "
                            : spec.alternate && base == 16 ? (upper ? "0X" : "0x")
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

}  // namespace

long format_bpf(std::string_view format, std::span<const std::uint64_t> args, char* buffer,
                std::size_t size) {
  Output out{buffer, size};
  std::size_t used = 0;
  for (char letter : format) {
    auto c = static_cast<unsigned char>(letter);
    if (!(std::isprint(c) || std::isspace(c)) || c >= 0x80) return -EINVAL;
  }
  auto at = [&](std::size_t i) { return i < format.size() ? format[i] : '\0'; };
  for (std::size_t i = 0; i < format.size(); i++) {
    if (format[i] != '%') {
      out.put(format[i]);
      continue;
    }
    if (at(i + 1) == '%') {
      out.put('%');
      i++;
      continue;
    }
    if (used == args.size()) return -E2BIG;
    std::uint64_t value = args[used++];
    Spec spec;
    for (i++;; i++) {
      if (at(i) == '-')
        spec.minus = true;
      else if (at(i) == '+')
        spec.plus = true;
      else if (at(i) == ' ')
        spec.space = true;
      else if (at(i) == '0')
        spec.zero = true;
      else
        break;
    }
    for (; std::isdigit(static_cast<unsigned char>(at(i))); i++) {
      spec.width = spec.width * 10 + static_cast<std::size_t>(at(i) - '0');
      if (spec.width > 4096) return -EINVAL;
    }
    if (at(i) == 'p') {
      char kind = at(i + 1);
      bool user_or_kernel = (kind == 'k' || kind == 'u') && at(i + 2) == 's';
      if (user_or_kernel) {
        i += 2;
      } else if (kind == 'K' || kind == 'x' || kind == 's' || kind == 'S' || kind == 'B') {
        i++;
        // No symbols here: the number, as the kernel prints an address without one.
        spec.alternate = kind == 's' || kind == 'S' || kind == 'B';
        if (!spec.alternate && spec.width == 0) spec.width = 16, spec.zero = true;
        put_number(out, spec, value, false, 16, false);
        continue;
      } else if ((kind == 'i' || kind == 'I') && (at(i + 2) == '4' || at(i + 2) == '6')) {
        bool v4 = at(i + 2) == '4';
        i += 2;
        std::uint8_t bytes[16] = {};
        if (!copy_guarded(bytes, reinterpret_cast<const void*>(value), v4 ? 4 : 16))
          std::memset(bytes, 0, 16);
        if (!v4) {
          put_ipv6(out, bytes, kind == 'I');
        } else {
          for (int b = 0; b < 4; b++) {
            if (b) out.put('.');
            Spec part;
            if (kind == 'i') part.width = 3, part.zero = true;
            put_number(out, part, bytes[b], false, 10, false);
          }
        }
        continue;
      } else if (kind == '\0' || kind == '%' || std::isspace(static_cast<unsigned char>(kind)) ||
                 std::ispunct(static_cast<unsigned char>(kind))) {
        if (spec.width == 0) spec.width = 16, spec.zero = true;
        put_number(out, spec, value, false, 16, false);
        continue;
      } else {
        return -EINVAL;
      }
    }
    if (at(i) == 's') {
      char text[512];
      long length = UserMemory().read_string(text, value, sizeof text);
      if (length == -E2BIG) length = sizeof text - 1;
      put_padded(out, spec, {}, {text, static_cast<std::size_t>(length < 0 ? 0 : length)}, false);
      continue;
    }
    if (at(i) == 'c') {
      char character = static_cast<char>(value);
      put_padded(out, spec, {}, {&character, 1}, false);
      continue;
    }
    unsigned longs = 0;
    while (longs < 2 && at(i) == 'l') i++, longs++;
    char conversion = at(i);
    bool is_signed = conversion == 'd' || conversion == 'i';
    if (!is_signed && conversion != 'u' && conversion != 'x' && conversion != 'X') return -EINVAL;
    if (longs == 0)
      value = is_signed ? static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)})
                        : static_cast<std::uint32_t>(value);
    put_number(out, spec, value, is_signed, conversion == 'x' || conversion == 'X' ? 16 : 10,
               conversion == 'X');
  }
  if (size) buffer[out.length < size ? out.length : size - 1] = 0;
  return static_cast<long>(out.length);
}

}  // namespace skep::runtime
