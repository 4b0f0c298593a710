// The raw listing of types, line by line as `bpftool btf dump` prints it (observed with bpftool 7.1).
#include "skep/btf/print.h"

#include <fmt/format.h>

#include <iterator>

namespace skep::btf {
namespace {

// bpftool's word for a type without a name.
std::string_view shown(std::string_view name) { return name.empty() ? "(anon)" : name; }

std::string encoding_name(std::uint8_t encoding) {
  switch (encoding) {
    case 0: return "(none)";
    case int_encoding::is_signed: return "SIGNED";
    case int_encoding::is_char: return "CHAR";
    case int_encoding::is_bool: return "BOOL";
  }
  return "UNKN";
}

std::string_view func_linkage_name(std::uint32_t linkage) {
  constexpr std::string_view names[] = {"static", "global", "extern"};
  return linkage < std::size(names) ? names[linkage] : "(unknown)";
}
std::string_view var_linkage_name(std::uint32_t linkage) {
  constexpr std::string_view names[] = {"static", "global", "extern"};
  return linkage < std::size(names) ? names[linkage] : "(unknown)";
}

}  // namespace

void print_type(const Btf& btf, TypeId id, std::string& out) {
  Type type = btf.type(id);
  auto to = std::back_inserter(out);
  fmt::format_to(to, "[{}] {} '{}'", id, kind_name(type.kind), shown(type.name()));
  switch (type.kind) {
    case Kind::unkn: break;
    case Kind::int_: {
      Int integer = type.integer();
      fmt::format_to(to, " size={} bits_offset={} nr_bits={} encoding={}", type.size(), integer.offset,
                     integer.bits, encoding_name(integer.encoding));
      break;
    }
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag: fmt::format_to(to, " type_id={}", type.type()); break;
    case Kind::array: {
      Array array = type.array();
      fmt::format_to(to, " type_id={} index_type_id={} nr_elems={}", array.type, array.index_type,
                     array.count);
      break;
    }
    case Kind::struct_:
    case Kind::union_:
      fmt::format_to(to, " size={} vlen={}", type.size(), type.vlen);
      for (Member member : type.members()) {
        fmt::format_to(to, "\n\t'{}' type_id={} bits_offset={}", shown(member.name), member.type,
                       member.bit_offset);
        if (member.bits != 0) fmt::format_to(to, " bitfield_size={}", member.bits);
      }
      break;
    case Kind::enum_:
    case Kind::enum64:
      fmt::format_to(to, " encoding={} size={} vlen={}", type.kflag ? "SIGNED" : "UNSIGNED", type.size(),
                     type.vlen);
      for (Enumerator each : type.enumerators()) {
        std::string_view suffix = type.kind == Kind::enum64 ? (type.kflag ? "LL" : "ULL") : "";
        if (type.kflag)
          fmt::format_to(to, "\n\t'{}' val={}{}", shown(each.name), each.value, suffix);
        else
          fmt::format_to(to, "\n\t'{}' val={}{}", shown(each.name), static_cast<std::uint64_t>(each.value),
                         suffix);
      }
      break;
    case Kind::fwd: fmt::format_to(to, " fwd_kind={}", type.kflag ? "union" : "struct"); break;
    case Kind::func:
      fmt::format_to(to, " type_id={} linkage={}", type.type(), func_linkage_name(type.vlen));
      break;
    case Kind::func_proto:
      fmt::format_to(to, " ret_type_id={} vlen={}", type.type(), type.vlen);
      for (Param param : type.params())
        fmt::format_to(to, "\n\t'{}' type_id={}", shown(param.name), param.type);
      break;
    case Kind::var:
      fmt::format_to(to, " type_id={}, linkage={}", type.type(), var_linkage_name(type.var_linkage()));
      break;
    case Kind::datasec:
      fmt::format_to(to, " size={} vlen={}", type.size(), type.vlen);
      for (VarSecinfo var : type.vars()) {
        fmt::format_to(to, "\n\ttype_id={} offset={} size={}", var.type, var.offset, var.size);
        Type variable = btf.type(var.type);
        if (variable.kind == Kind::var || variable.kind == Kind::func)
          fmt::format_to(to, " ({} '{}')", kind_name(variable.kind), shown(variable.name()));
      }
      break;
    case Kind::float_: fmt::format_to(to, " size={}", type.size()); break;
    case Kind::decl_tag:
      fmt::format_to(to, " type_id={} component_idx={}", type.type(), type.component_index());
      break;
  }
  out += '\n';
}

void print_type(const Btf& btf, TypeId id, base::JsonWriter& json) {
  Type type = btf.type(id);
  json.object();
  json.member("id", id);
  json.member("kind", kind_name(type.kind));
  json.member("name", shown(type.name()));
  switch (type.kind) {
    case Kind::unkn: break;
    case Kind::int_: {
      Int integer = type.integer();
      json.member("size", type.size());
      json.member("bits_offset", static_cast<std::uint32_t>(integer.offset));
      json.member("nr_bits", static_cast<std::uint32_t>(integer.bits));
      json.member("encoding", encoding_name(integer.encoding));
      break;
    }
    case Kind::ptr:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag: json.member("type_id", type.type()); break;
    case Kind::array: {
      Array array = type.array();
      json.member("type_id", array.type);
      json.member("index_type_id", array.index_type);
      json.member("nr_elems", array.count);
      break;
    }
    case Kind::struct_:
    case Kind::union_:
      json.member("size", type.size());
      json.member("vlen", static_cast<std::uint32_t>(type.vlen));
      json.key("members");
      json.array();
      for (Member member : type.members()) {
        json.object();
        json.member("name", shown(member.name));
        json.member("type_id", member.type);
        json.member("bits_offset", member.bit_offset);
        if (member.bits != 0) json.member("bitfield_size", member.bits);
        json.end();
      }
      json.end();
      break;
    case Kind::enum_:
    case Kind::enum64:
      json.member("size", type.size());
      json.member("encoding", std::string_view(type.kflag ? "SIGNED" : "UNSIGNED"));
      json.member("vlen", static_cast<std::uint32_t>(type.vlen));
      json.key("values");
      json.array();
      for (Enumerator each : type.enumerators()) {
        json.object();
        json.member("name", shown(each.name));
        if (type.kflag)
          json.member("val", each.value);
        else
          json.member("val", static_cast<std::uint64_t>(each.value));
        json.end();
      }
      json.end();
      break;
    case Kind::fwd: json.member("fwd_kind", std::string_view(type.kflag ? "union" : "struct")); break;
    case Kind::func:
      json.member("type_id", type.type());
      json.member("linkage", func_linkage_name(type.vlen));
      break;
    case Kind::func_proto:
      json.member("ret_type_id", type.type());
      json.member("vlen", static_cast<std::uint32_t>(type.vlen));
      json.key("params");
      json.array();
      for (Param param : type.params()) {
        json.object();
        json.member("name", shown(param.name));
        json.member("type_id", param.type);
        json.end();
      }
      json.end();
      break;
    case Kind::var:
      json.member("type_id", type.type());
      json.member("linkage", var_linkage_name(type.var_linkage()));
      break;
    case Kind::datasec:
      json.member("size", type.size());
      json.member("vlen", static_cast<std::uint32_t>(type.vlen));
      json.key("vars");
      json.array();
      for (VarSecinfo var : type.vars()) {
        json.object();
        json.member("type_id", var.type);
        json.member("offset", var.offset);
        json.member("size", var.size);
        json.end();
      }
      json.end();
      break;
    case Kind::float_: json.member("size", type.size()); break;
    case Kind::decl_tag:
      json.member("type_id", type.type());
      json.member("component_idx", static_cast<std::int64_t>(type.component_index()));
      break;
  }
  json.end();
}

std::string print_types(const Btf& btf) {
  std::string out;
  for (TypeId id = btf.first_id(); id < btf.type_count(); id++) print_type(btf, id, out);
  return out;
}

}  // namespace skep::btf
