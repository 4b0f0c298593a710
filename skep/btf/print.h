// BTF as text: the raw listing of types and compilable C.
#pragma once

#include <string>
#include <string_view>

#include "skep/base/json.h"
#include "skep/base/result.h"
#include "skep/btf/btf.h"

namespace skep::btf {

// Appends one type as `bpftool btf dump` lists it, with a newline after each line:
//   [1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
//   [2] STRUCT 'flow' size=8 vlen=2
//   	'src' type_id=1 bits_offset=0
void print_type(const Btf& btf, TypeId id, std::string& out);
// The same as one JSON object.
void print_type(const Btf& btf, TypeId id, base::JsonWriter& json);

// All types that the Btf adds to its base, listed.
std::string print_types(const Btf& btf);

// A C declaration of `name` with that type ("char name[16]", "int (*name)(void)"); the type alone when `name`
// is empty. Named structs, unions and enums appear by tag, anonymous ones are written out. EINVAL for types
// that C cannot write down: loops, nesting deeper than 64.
Result<std::string> declare(const Btf& btf, TypeId id, std::string_view name);

// All types as compilable C (clang, gcc), each after what it needs, forward declarations where pointers need
// them. Layout is kept: bitfields, explicit padding, packed where the compiler would lay out differently.
// Types of one name get ___2, ___3 …; type tags and functions are left out. EINVAL where no C can say it (a
// struct that contains itself) and for hostile types whose text would grow without bound.
Result<std::string> print_c(const Btf& btf);

}  // namespace skep::btf
