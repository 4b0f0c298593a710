// The format strings of bpf_trace_printk, bpf_trace_vprintk, bpf_snprintf.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace skep::runtime {

// Formats into `out` (NUL-terminated, cut to `size` bytes when that is not 0). Returns the length that the
// whole text has, or -EINVAL for a conversion that BPF programs may not use or a byte outside of ASCII text,
// -E2BIG when more than args.size() arguments are asked for.
//
// Conversions: %d %i %u %x %X with no, l or ll; %c %s %% %p %px %pK %pB %ps %pS %pks %pus %pI4 %pi4 %pI6
// %pi6, with the flags 0 + - space # and a width. Strings are read from this process with care: what cannot
// be read prints as nothing.
long format_bpf(std::string_view format, std::span<const std::uint64_t> args, char* out, std::size_t size);

}  // namespace skep::runtime
