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

// Appends the value as text: 42, "eth0" (printable char arrays up to their NUL), { .src = 1, .kind = TCP },
// [1, 2], 0xffff8... (pointers). A DATASEC is shown as a struct of its variables. EINVAL, and nothing is
// appended, if `bytes` are fewer than the type takes, for types without values (void, FUNC), for types nested
// deeper than 32, and for hostile types that would give far more text than there are bytes.
Result<void> print_value(const Btf& btf, TypeId id, Bytes bytes, std::string& out, ValueStyle style = {});

// The same as JSON, in the manner of `bpftool map dump`: structs are objects, anonymous members are objects
// under the key "", printable char arrays are strings, enums are names where known, pointers and integers
// above 64 bits are "0x..." strings.
Result<void> print_value(const Btf& btf, TypeId id, Bytes bytes, base::JsonWriter& json,
                         ValueStyle style = {});

}  // namespace skep::btf
