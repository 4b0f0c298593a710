// Helpers on text: printing, formatting, numbers, comparing.
#include <cstring>

#include "skep/runtime/cpu.h"
#include "skep/runtime/format.h"
#include "skep/runtime/helpers.h"

namespace skep::runtime {

using image::RunContext;
using std::uint64_t;

namespace {

constexpr std::size_t printk_limit = 1024;   // what the kernel's buffer holds
constexpr std::size_t max_format_args = 12;  // MAX_BPRINTF_VARARGS

// One call is one line; its newline is the sink's to write.
uint64_t print(std::string_view format, std::span<const uint64_t> args, RunContext* ctx) {
  char text[printk_limit];
  long length = format_bpf(format, args, text, sizeof text);
  if (length < 0) return r0(length);
  std::string_view line(text, std::strlen(text));
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (ctx->sink) ctx->sink->printk(line);
  return static_cast<uint64_t>(length);
}

// The format without its NUL; false: there is none where it must be.
bool format_of(uint64_t address, uint64_t size, std::string_view& format) {
  auto bytes = static_cast<std::uint32_t>(size);
  const char* text = at<const char>(address);
  const void* end = bytes ? std::memchr(text, 0, bytes) : nullptr;
  if (!end) return false;
  format = {text, static_cast<std::size_t>(static_cast<const char*>(end) - text)};
  return true;
}

uint64_t trace_printk(uint64_t format, uint64_t size, uint64_t a, uint64_t b, uint64_t c, RunContext* ctx) {
  std::string_view text;
  if (!format_of(format, size, text)) return r0(-EINVAL);
  uint64_t args[] = {a, b, c};
  return print(text, args, ctx);
}

uint64_t trace_vprintk(uint64_t format, uint64_t size, uint64_t data, uint64_t data_size, uint64_t,
                       RunContext* ctx) {
  auto bytes = static_cast<std::uint32_t>(data_size);
  std::string_view text;
  if (bytes % 8 || bytes > 8 * max_format_args || (bytes && !data)) return r0(-EINVAL);
  if (!format_of(format, size, text)) return r0(-EINVAL);
  uint64_t args[max_format_args];
  if (bytes) std::memcpy(args, at<void>(data), bytes);
  return print(text, {args, bytes / 8}, ctx);
}

uint64_t snprintf(uint64_t to, uint64_t room, uint64_t format, uint64_t data, uint64_t data_size,
                  RunContext*) {
  auto bytes = static_cast<std::uint32_t>(data_size);
  if (bytes % 8 || bytes > 8 * max_format_args || (bytes && !data)) return r0(-EINVAL);
  uint64_t args[max_format_args];
  if (bytes) std::memcpy(args, at<void>(data), bytes);
  long length =
      format_bpf(at<const char>(format), {args, bytes / 8}, at<char>(to), static_cast<std::uint32_t>(room));
  return r0(length < 0 ? length : length + 1);
}

// bpf_strtol and bpf_strtoul: spaces, a sign, digits; how many bytes were used, or -errno. The base is 0 (by
// prefix), 8, 10 or 16.
long parse_number(const char* text, std::size_t size, uint64_t flags, bool& negative, uint64_t& value) {
  uint64_t base = flags & 31;
  if ((base != 0 && base != 8 && base != 10 && base != 16) || (flags & ~uint64_t{31})) return -EINVAL;
  std::size_t i = 0;
  while (i < size && std::strchr(" \t\n\v\f\r", text[i]) && text[i]) i++;
  negative = i < size && text[i] == '-';
  if (negative) i++;
  bool zero = i < size && text[i] == '0';
  bool hex = zero && i + 2 < size && (text[i + 1] | 32) == 'x' &&
             std::strchr("0123456789abcdefABCDEF", text[i + 2]) && text[i + 2];
  if (base == 0) base = hex ? 16 : zero ? 8 : 10;
  if (base == 16 && hex) i += 2;
  std::size_t digits = 0;
  value = 0;
  for (; i < size; i++, digits++) {
    auto c = static_cast<unsigned char>(text[i]);
    unsigned digit = c >= '0' && c <= '9'                 ? c - '0'
                     : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10u
                                                          : 99;
    if (digit >= base) break;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, uint64_t{digit}, &value))
      return -ERANGE;
  }
  return digits ? static_cast<long>(i) : -EINVAL;
}

uint64_t strtol_(uint64_t text, uint64_t size, uint64_t flags, uint64_t result, uint64_t, RunContext*) {
  bool negative;
  uint64_t value;
  long used = parse_number(at<const char>(text), static_cast<std::uint32_t>(size), flags, negative, value);
  if (used < 0) return r0(used);
  constexpr uint64_t top = uint64_t{1} << 63;
  if (negative ? value > top : value >= top) return r0(-ERANGE);
  *at<uint64_t>(result) = negative ? ~value + 1 : value;
  return r0(used);
}

uint64_t strtoul_(uint64_t text, uint64_t size, uint64_t flags, uint64_t result, uint64_t, RunContext*) {
  bool negative;
  uint64_t value;
  long used = parse_number(at<const char>(text), static_cast<std::uint32_t>(size), flags, negative, value);
  if (used < 0) return r0(used);
  if (negative) return r0(-EINVAL);
  *at<uint64_t>(result) = value;
  return r0(used);
}

uint64_t strncmp_(uint64_t one, uint64_t size, uint64_t other, uint64_t, uint64_t, RunContext*) {
  return r0(std::strncmp(at<const char>(one), at<const char>(other), static_cast<std::uint32_t>(size)));
}

constexpr HelperEntry table[] = {
    {6, "trace_printk", trace_printk},
    {105, "strtol", strtol_},
    {106, "strtoul", strtoul_},
    {165, "snprintf", snprintf},
    {177, "trace_vprintk", trace_vprintk},
    {182, "strncmp", strncmp_},
};

}  // namespace

std::span<const HelperEntry> text_helpers() { return table; }

}  // namespace skep::runtime
