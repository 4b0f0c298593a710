// BTF as C. Each type is written once, after what it needs: `need` walks what a type refers to, in two
// strengths (behind a pointer a tag suffices, elsewhere the definition must stand before), and writes
// definitions in that order; `declarator` turns a chain of types inside out into C's syntax.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <unordered_map>

#include "skep/btf/print.h"

namespace skep::btf {
namespace {

constexpr int deepest_chain = 64;   // of pointers, arrays, parameters in one declaration
constexpr int deepest_need = 1000;  // of definitions that need each other

constexpr auto base_words = std::to_array<std::string_view>(
    {"_Bool", "bool", "char", "double", "float", "int", "long", "short", "signed", "unsigned", "__int128"});

// Whether a name of INT or FLOAT is C ("long unsigned int"); other languages have others ("u8").
bool is_c_base_type(std::string_view name) {
  if (name.empty()) return false;
  while (!name.empty()) {
    std::string_view word = name.substr(0, name.find(' '));
    if (std::find(base_words.begin(), base_words.end(), word) == base_words.end()) return false;
    name.remove_prefix(std::min(name.size(), word.size() + 1));
  }
  return true;
}

std::string base_type(const Type& type) {
  if (is_c_base_type(type.name())) return std::string(type.name());
  if (type.kind == Kind::float_)
    return type.size() == 4 ? "float" : type.size() == 8 ? "double" : "long double";
  std::uint8_t encoding = type.integer().encoding;
  if ((encoding & int_encoding::is_bool) != 0) return "_Bool";
  std::string sign = (encoding & int_encoding::is_signed) != 0 ? "signed " : "unsigned ";
  if (type.size() <= 1) return sign + "char";
  if (type.size() <= 2) return sign + "short";
  if (type.size() <= 4) return sign + "int";
  return sign + (type.size() <= 8 ? "long long" : "__int128");
}

// Letters, digits and underscores only: names of other languages have more.
std::string identifier(std::string_view name) {
  std::string out(name);
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) c = '_';
  return out;
}

class Printer {
 public:
  explicit Printer(const Btf& btf) : btf_(btf), budget_(65536 + 16 * std::uint64_t{btf.raw().size()}) {
    if (btf.base()) budget_ += 16 * std::uint64_t{btf.base()->raw().size()};
  }

  Result<std::string> everything() {
    name_types();
    state_.assign(btf_.type_count(), 0);
    for (TypeId id = btf_.first_id(); id < btf_.type_count(); id++) {
      Type type = btf_.type(id);
      bool top =
          !type.name().empty() && (type.is_composite() || type.is_enum() || type.kind == Kind::typedef_);
      bool loose_enum = type.is_enum() && type.name().empty() && !referenced_[id];
      if (top) TRY(need(id, true, 0));
      if (!loose_enum) continue;
      out_ += TRY(enum_body(type, 0));
      out_ += ";\n\n";
    }
    return std::move(out_);
  }

  // `name` declared with type `id`; `indent` levels for the members of what is written out.
  Result<std::string> declarator(TypeId id, std::string name, std::size_t indent, int depth = 0) {
    std::string qualifiers;
    bool behind_pointer = false;  // then arrays and functions need parentheses
    for (int step = 0; step < deepest_chain; step++) {
      TRY(spend(1, id));
      Type type = btf_.type(id);
      std::string base;
      switch (type.kind) {
        case Kind::ptr:
          name = "*" + qualifiers + name;
          qualifiers.clear();
          behind_pointer = true;
          id = type.type();
          continue;
        case Kind::const_:
          qualifiers += "const ";
          id = type.type();
          continue;
        case Kind::volatile_:
          qualifiers += "volatile ";
          id = type.type();
          continue;
        case Kind::restrict_:
          if (btf_.type(type.type()).kind == Kind::ptr) qualifiers += "restrict ";
          id = type.type();
          continue;
        case Kind::type_tag: id = type.type(); continue;
        case Kind::array:
          if (behind_pointer) name = "(" + name + ")";
          behind_pointer = false;
          name += fmt::format("[{}]", type.array().count);
          id = type.array().type;
          continue;
        case Kind::func_proto:
          if (behind_pointer) name = "(" + name + ")";
          behind_pointer = false;
          name += TRY(parameters(type, indent, depth));
          qualifiers.clear();
          id = type.type();
          continue;
        case Kind::unkn: base = "void"; break;
        case Kind::int_:
        case Kind::float_: base = base_type(type); break;
        case Kind::typedef_: base = name_of(type); break;
        case Kind::fwd: base = (type.kflag ? "union " : "struct ") + name_of(type); break;
        case Kind::struct_:
        case Kind::union_:
          if (type.name().empty())
            base = TRY(composite_body(type, indent, depth + 1));
          else
            base = tag(type);
          break;
        case Kind::enum_:
        case Kind::enum64:
          if (type.name().empty())
            base = TRY(enum_body(type, indent));
          else
            base = tag(type);
          break;
        case Kind::func:
        case Kind::var:
        case Kind::datasec:
        case Kind::decl_tag:
          return fail(EINVAL, "BTF type {}: a {} '{}' cannot be declared", id, kind_name(type.kind),
                      type.name());
      }
      TRY(spend(base.size() / 16, id));
      std::string all = qualifiers + base;
      if (!name.empty()) all += name.front() == '[' ? name : " " + name;
      return all;
    }
    return fail(EINVAL, "BTF type {}: a declaration of more than {} parts", id, deepest_chain);
  }

 private:
  enum : std::uint8_t { seen_weak = 1, seen_strong = 2, defining = 4, defined = 8, announced = 16 };

  Result<void> spend(std::uint64_t steps, TypeId id) {
    if (steps > budget_) return fail(EINVAL, "BTF type {}: as C the types would grow without bound", id);
    budget_ -= steps;
    return {};
  }

  // ---- names ----

  // Tags share one name space, typedefs and enumerators another; the first of a name keeps it.
  void name_types() {
    referenced_.assign(btf_.type_count(), false);
    for (TypeId id = 1; id < btf_.type_count(); id++) {
      Type type = btf_.type(id);
      note_references(type);
      if (type.name().empty()) continue;
      if (type.is_composite() || type.is_enum()) {
        names_[id] = unique(tags_, type.name());
        first_tag_.try_emplace({type.kind, identifier(type.name())}, names_[id]);
      } else if (type.kind == Kind::typedef_) {
        // The compiler's own name, which for another target is another type.
        bool builtin = type.name() == "__builtin_va_list";
        names_[id] = unique(idents_, builtin ? "va_list___builtin" : type.name());
      }
    }
    // A forward declaration means the type of its kind and name, if there is one.
    for (TypeId id = 1; id < btf_.type_count(); id++) {
      Type type = btf_.type(id);
      if (type.kind != Kind::fwd) continue;
      Kind kind = type.kflag ? Kind::union_ : Kind::struct_;
      auto [known, fresh] = first_tag_.try_emplace({kind, identifier(type.name())}, "");
      if (fresh) known->second = unique(tags_, type.name());
      names_[id] = known->second;
    }
  }

  void note_references(const Type& type) {
    switch (type.kind) {
      case Kind::ptr:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::type_tag: referenced_[type.type()] = true; break;
      case Kind::array: referenced_[type.array().type] = true; break;
      case Kind::struct_:
      case Kind::union_:
        for (Member member : type.members()) referenced_[member.type] = true;
        break;
      case Kind::func_proto:
        referenced_[type.type()] = true;
        for (Param param : type.params()) referenced_[param.type] = true;
        break;
      case Kind::unkn:
      case Kind::int_:
      case Kind::enum_:
      case Kind::fwd:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::float_:
      case Kind::decl_tag:
      case Kind::enum64: break;
    }
  }

  using Counts = std::unordered_map<std::string, std::size_t>;
  static std::string unique(Counts& counts, std::string_view name) {
    std::string plain = identifier(name);
    for (;;) {
      std::size_t count = ++counts[plain];
      if (count == 1) return plain;
      std::string numbered = fmt::format("{}___{}", plain, count);
      if (counts.try_emplace(numbered, 1).second) return numbered;
    }
  }

  std::string name_of(const Type& type) const {
    auto found = names_.find(type.id);
    return found == names_.end() ? identifier(type.name()) : found->second;
  }
  static std::string_view keyword(Kind kind) {
    return kind == Kind::struct_ ? "struct" : kind == Kind::union_ ? "union" : "enum";
  }
  std::string tag(const Type& type) const { return fmt::format("{} {}", keyword(type.kind), name_of(type)); }

  // ---- order ----

  // Writes what must stand before a use of `id`: its definition if `strong`, else what a pointer to it needs.
  Result<void> need(TypeId id, bool strong, int depth) {
    if (id == 0) return {};
    if (depth > deepest_need)
      return fail(EINVAL, "BTF type {}: types need each other {} deep", id, deepest_need);
    Type type = btf_.type(id);
    bool named = !type.name().empty();
    std::uint8_t& state = state_[id];
    if (type.is_composite() && named) {
      if (!strong) return announce(type);
      if ((state & defined) != 0) return {};
      if ((state & defining) != 0)
        return fail(EINVAL, "BTF type {}: {} '{}' contains itself", id, keyword(type.kind), type.name());
    } else {
      std::uint8_t seen = strong ? seen_strong : seen_weak;
      if ((state & seen) != 0) return {};
      state |= seen;
    }
    switch (type.kind) {
      case Kind::ptr: return need(type.type(), false, depth + 1);
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::type_tag: return need(type.type(), strong, depth + 1);
      case Kind::array: return need(type.array().type, true, depth + 1);
      case Kind::func_proto:
        TRY(need(type.type(), false, depth + 1));
        for (Param param : type.params()) TRY(need(param.type, false, depth + 1));
        return {};
      case Kind::fwd: return announce(type);
      case Kind::typedef_:
        TRY(define_typedef(type, depth));
        if (strong) TRY(need(type.type(), true, depth + 1));
        return {};
      case Kind::struct_:
      case Kind::union_: return define_composite(type, depth);
      case Kind::enum_:
      case Kind::enum64:
        if (!named || (state & defined) != 0) return {};
        state |= defined;
        out_ += TRY(enum_body(type, 0));
        out_ += ";\n\n";
        return {};
      case Kind::unkn:
      case Kind::int_:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::float_:
      case Kind::decl_tag: return {};
    }
    return {};
  }

  Result<void> announce(const Type& type) {
    std::uint8_t& state = state_[type.id];
    if ((state & (announced | defined)) != 0) return {};
    state |= announced;
    std::string_view word = type.kind == Kind::fwd ? (type.kflag ? "union" : "struct") : keyword(type.kind);
    fmt::format_to(std::back_inserter(out_), "{} {};\n\n", word, name_of(type));
    return {};
  }

  Result<void> define_typedef(const Type& type, int depth) {
    std::uint8_t& state = state_[type.id];
    if ((state & defined) != 0) return {};
    if ((state & defining) != 0)
      return fail(EINVAL, "BTF type {}: typedef '{}' contains itself", type.id, type.name());
    state |= defining;
    TRY(need(type.type(), false, depth + 1));
    state |= defined;
    std::string text = TRY(declarator(type.type(), name_of(type), 0));
    fmt::format_to(std::back_inserter(out_), "typedef {};\n\n", text);
    return {};
  }

  Result<void> define_composite(const Type& type, int depth) {
    std::uint8_t& state = state_[type.id];
    bool named = !type.name().empty();
    state |= defining;
    for (Member member : type.members()) TRY(need(member.type, true, depth + 1));
    state |= defined;
    if (!named) return {};  // written where it is used
    std::string text = TRY(composite_body(type, 0, 0));
    out_ += text;
    out_ += ";\n\n";
    return {};
  }

  // ---- text ----

  Result<std::string> parameters(const Type& proto, std::size_t indent, int depth) {
    if (depth > deepest_chain)
      return fail(EINVAL, "BTF type {}: nested deeper than {}", proto.id, deepest_chain);
    std::string out = "(";
    auto params = proto.params();
    for (std::size_t i = 0; i < params.size(); i++) {
      Param param = params[i];
      bool rest = param.type == 0 && i + 1 == params.size();
      if (rest && i == 0) break;  // "(...)" alone is not C before C23
      if (i != 0) out += ", ";
      if (rest)
        out += "...";
      else
        out += TRY(declarator(param.type, "", indent, depth + 1));
    }
    return out + (params.empty() ? "void)" : ")");
  }

  Result<std::string> enum_body(const Type& type, std::size_t indent) {
    std::string out = "enum";
    if (!type.name().empty()) out += " " + name_of(type);
    if (type.vlen == 0) return out;  // declared, never defined
    out += " {\n";
    for (Enumerator each : type.enumerators()) {
      TRY(spend(1, type.id));
      out.append(indent + 1, '\t');
      out += unique(idents_, each.name);
      if (type.kflag)
        out += each.value == INT64_MIN ? " = (-9223372036854775807LL - 1),\n"
                                       : fmt::format(" = {}{},\n", each.value, type.size() == 8 ? "LL" : "");
      else
        fmt::format_to(std::back_inserter(out), " = {}{},\n", static_cast<std::uint64_t>(each.value),
                       type.size() == 8 ? "ULL" : "");
    }
    out.append(indent, '\t');
    out += "}";
    // Enums take four bytes unless something else is said.
    if (type.size() == 1) out += " __attribute__((mode(QI)))";
    if (type.size() == 2) out += " __attribute__((mode(HI)))";
    if (type.size() == 8) out += " __attribute__((mode(DI)))";
    return out;
  }

  // Fills bits [from, to) with unnamed members that never straddle a byte, so that they lie where they stand.
  void pad(std::string& out, std::uint64_t from, std::uint64_t to, std::size_t indent) {
    auto line = [&](const std::string& text) {
      out.append(indent, '\t');
      out += text;
    };
    if (from % 8 != 0) {
      std::uint64_t bits = std::min(to, from / 8 * 8 + 8) - from;
      line(fmt::format("unsigned char : {};\n", bits));
      from += bits;
    }
    if (to - from >= 8) {
      line(fmt::format("unsigned char ___pad{}[{}];\n", ++pads_, (to - from) / 8));
      from += (to - from) / 8 * 8;
    }
    if (from != to) line(fmt::format("unsigned char : {};\n", to - from));
  }

  Result<std::string> composite_body(const Type& type, std::size_t indent, int depth) {
    if (depth > deepest_chain)
      return fail(EINVAL, "BTF type {}: nested deeper than {}", type.id, deepest_chain);
    std::uint32_t align = TRY(btf_.align_of(type.id));
    bool packed = false, is_union = type.kind == Kind::union_;
    std::string out(keyword(type.kind));
    if (!type.name().empty()) out += " " + name_of(type);
    out += " {\n";
    std::uint64_t at = 0;  // in bits: where the next member could begin; in unions: the largest so far
    for (Member member : type.members()) {
      TRY(spend(1, type.id));
      std::uint32_t bytes = TRY(btf_.size_of(member.type));
      std::uint32_t natural = TRY(btf_.align_of(member.type));
      std::uint64_t unit = 8 * std::uint64_t{natural};
      bool straddles = member.bits != 0 && member.bit_offset % unit + member.bits > unit;
      if (align == 1 && (natural > 1 || straddles)) packed = true;
      if (!is_union) {
        // Where the compiler would put it by itself.
        std::uint64_t next = at;
        std::uint64_t step = align == 1 ? 8 : unit;
        bool must_move = member.bits == 0 || (align != 1 && at % unit + member.bits > unit);
        if (must_move) next = (at + step - 1) / step * step;
        if (next > member.bit_offset && at > member.bit_offset)
          return fail(EINVAL, "BTF type {}: member '{}' at bit {} overlaps the one before", type.id,
                      member.name, member.bit_offset);
        if (next != member.bit_offset) pad(out, at, member.bit_offset, indent + 1);
      }
      std::string text = TRY(declarator(member.type, identifier(member.name), indent + 1, depth + 1));
      out.append(indent + 1, '\t');
      out += text;
      if (member.bits != 0)
        fmt::format_to(std::back_inserter(out), "{}: {}", member.name.empty() ? " " : "", member.bits);
      out += ";\n";
      std::uint64_t end = member.bit_offset + (member.bits != 0 ? member.bits : 8 * std::uint64_t{bytes});
      at = is_union ? std::max(at, end) : end;
    }
    std::uint64_t whole = 8 * std::uint64_t{type.size()}, rounded = 8 * std::uint64_t{align};
    rounded = (at + rounded - 1) / rounded * rounded;
    if (whole > rounded) pad(out, is_union ? 0 : at, whole, indent + 1);
    out.append(indent, '\t');
    out += packed ? "} __attribute__((packed))" : "}";
    return out;
  }

  const Btf& btf_;
  std::uint64_t budget_;
  unsigned pads_ = 0;  // counted through all types: anonymous members share their parent's names
  std::string out_;
  std::vector<std::uint8_t> state_;
  std::vector<bool> referenced_;
  std::unordered_map<TypeId, std::string> names_;
  std::map<std::pair<Kind, std::string>, std::string> first_tag_;
  Counts tags_, idents_;
};

}  // namespace

Result<std::string> declare(const Btf& btf, TypeId id, std::string_view name) {
  if (!btf.has(id)) return fail(EINVAL, "BTF type {}: there are {} types", id, btf.type_count());
  return Printer(btf).declarator(id, std::string(name), 0);
}

Result<std::string> print_c(const Btf& btf) {
  std::string types = TRY(Printer(btf).everything());
  return "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
         "#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)\n"
         "#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n"
         "#endif\n\n" +
         types +
         "#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)\n"
         "#pragma clang attribute pop\n"
         "#endif\n\n#endif\n";
}

}  // namespace skep::btf
