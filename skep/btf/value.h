// Bytes decoded by their BTF type: map keys and values, globals, context fields.
#pragma once

#include <bit>
#include <string>

#include "skep/base/bytes.h"
#include "skep/base/json.h"
#include "skep/base/result.h"
#include "skep/btf/btf.h"

namespace skep::btf {

struct ValueStyle {
  std::endian order = std::endian::native;  // of the bytes
  bool multiline = false;                   // text only: one member per line, indented
};

// Appends the value as text: 42, "eth0" (printable char arrays), { .src = 1, .kind = TCP }, [1, 2], 0xffff8…
// (pointers). EINVAL if `bytes` are fewer than the type takes, for types without values (void, FUNC), and for
// types nested deeper than 32 or producing far more text than bytes (hostile BTF). On error `out` holds what
// came before.
Result<void> print_value(const Btf& btf, TypeId id, Bytes bytes, std::string& out, ValueStyle style = {});

// The same as JSON, in the manner of `bpftool map dump`: structs are objects, anonymous members (unions) are
// nested objects under "" as bpftool prints them, char arrays are arrays of strings, enums are names when
// known, pointers are "0x…" strings, integers above 64 bits are "0x…" strings.
Result<void> print_value(const Btf& btf, TypeId id, Bytes bytes, base::JsonWriter& json,
                         ValueStyle style = {});

}  // namespace skep::btf
