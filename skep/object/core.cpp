// The questions of CO-RE records, their answers for the target's types, and writing an answer into an
// instruction.
#include "skep/object/core.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <optional>

#include "skep/object/core_types.h"

namespace skep::object {
namespace {

using btf::Btf;
using btf::Kind;
using btf::Type;
using btf::TypeId;
using Ask = btf::CoreRelo;

// A type of one of the targets.
struct Candidate {
  const Btf* btf = nullptr;
  TypeId id = 0;
};

// What goes into the instruction.
struct Answer {
  bool poison = false;
  std::uint64_t value = 0;
  std::uint32_t load_bytes = 0;  // loads and stores of the field: their new width; 0: as it is
  bool operator==(const Answer&) const = default;
};

bool asks_type(Ask kind) {
  return kind == Ask::type_id_target || kind == Ask::type_exists || kind == Ask::type_size ||
         kind == Ask::type_matches;
}
bool asks_enum(Ask kind) { return kind == Ask::enumval_exists || kind == Ask::enumval_value; }
bool asks_field(Ask kind) { return !asks_type(kind) && !asks_enum(kind) && kind != Ask::type_id_local; }

// The answer when no type of the target corresponds. Sizes and ids of absent types are 0; what must be known
// poisons.
Answer absent(Ask kind) {
  bool known = asks_type(kind) || kind == Ask::field_exists || kind == Ask::enumval_exists;
  return {.poison = !known};
}

// How a field is loaded: the aligned unit that holds all its bits.
struct Load {
  std::uint64_t byte_offset = 0;
  std::uint32_t bytes = 0, bits = 0;
  std::uint32_t skipped = 0;  // bits of the unit in front of the field
};

std::optional<Load> load_of(const Btf& btf, const Field& field) {
  Result<std::uint32_t> size = btf.size_of(field.type);
  if (!size || *size == 0) return std::nullopt;
  if (field.bits == 0) return Load{.byte_offset = field.bit_offset / 8, .bytes = *size, .bits = *size * 8};
  std::uint64_t bytes = *size;
  if (!std::has_single_bit(bytes) || bytes > 8) return std::nullopt;
  while (true) {
    std::uint64_t offset = field.bit_offset / 8 / bytes * bytes;
    std::uint64_t skipped = field.bit_offset - offset * 8;
    if (skipped + field.bits <= bytes * 8)
      return Load{.byte_offset = offset,
                  .bytes = static_cast<std::uint32_t>(bytes),
                  .bits = field.bits,
                  .skipped = static_cast<std::uint32_t>(skipped)};
    bytes *= 2;
    if (bytes > 8) return std::nullopt;
  }
}

Type resolved(const Btf& btf, TypeId id) {
  Result<TypeId> found = btf.resolve(id);
  return btf.type(found ? *found : 0);
}

bool is_signed(const Type& type) {
  if (type.kind == Kind::int_) return (type.integer().encoding & btf::int_encoding::is_signed) != 0;
  return type.is_signed_enum();
}

// Answers a question about a field whose place is known.
std::optional<std::uint64_t> field_value(Ask kind, const Btf& btf, const Field& field) {
  if (kind == Ask::field_exists) return 1;
  // The end of a path into an array may have no size of its own to speak of: its offset is all that counts.
  if (kind == Ask::field_byte_offset && field.bits == 0) return field.bit_offset / 8;
  std::optional<Load> load = load_of(btf, field);
  if (!load) return std::nullopt;
  if (kind == Ask::field_byte_offset) return load->byte_offset;
  if (kind == Ask::field_byte_size) return load->bytes;
  if (kind == Ask::field_signed) return is_signed(resolved(btf, field.type));
  if (load->bits > 64 || load->bytes > 8) return std::nullopt;
  if (kind == Ask::field_rshift_u64) return 64 - load->bits;
  // field_lshift_u64: moves the field's top bit to bit 63 of the register that was loaded.
  if (std::endian::native == std::endian::little) return 64 - (load->skipped + load->bits);
  return (8 - load->bytes) * 8 + load->skipped;
}

// Whether a load or store of the local field may become one of the target's other width: pointers, and
// integers that are extended with zeros.
bool may_resize(const Type& local, const Type& target) {
  if (local.kind == Kind::ptr && target.kind == Kind::ptr) return true;
  return local.kind == Kind::int_ && target.kind == Kind::int_ && !is_signed(local) && !is_signed(target);
}

class Applier {
 public:
  Applier(ProgramSpec& program, const Btf& local, std::span<const Btf* const> targets,
          std::vector<std::string>& notes)
      : program_(program), local_(local), targets_(targets), notes_(notes) {}

  Result<void> apply(const CoreRelo& relo) {
    if (!local_.has(relo.type_id))
      return fail(EINVAL, "program '{}': CO-RE record at slot {}: type [{}] does not exist", program_.name,
                  relo.slot, relo.type_id);
    if (relo.slot >= program_.insns.size())
      return fail(EINVAL, "program '{}': CO-RE record at slot {}, the program has {}", program_.name,
                  relo.slot, program_.insns.size());
    if (relo.kind == Ask::type_id_local) return patch(relo, {.value = relo.type_id}, std::nullopt);
    std::optional<Field> field;
    if (asks_field(relo.kind)) field = TRY(named(local_field(local_, relo.type_id, relo.access), relo));
    Answer answer = TRY(ask_all(relo, field));
    if (answer.poison)
      notes_.push_back(
          fmt::format("{} finds nothing in the target's types: an error if it is reached", describe(relo)));
    return patch(relo, answer, field);
  }

 private:
  std::string describe(const CoreRelo& relo) const {
    std::string_view name = local_.name(relo.type_id);
    return fmt::format("program '{}': slot {}: CO-RE {} of [{}] {} '{}' ({})", program_.name, relo.slot,
                       btf::core_relo_name(relo.kind), relo.type_id,
                       btf::kind_name(local_.type(relo.type_id).kind), name, relo.access);
  }
  template <class T>
  Result<T> named(Result<T> result, const CoreRelo& relo) const {
    if (!result) return Failure(std::move(result).error().in(describe(relo)));
    return result;
  }

  // Types of the targets with the same name and kind; found once per local type.
  const std::vector<Candidate>& candidates(TypeId id) {
    auto [entry, is_new] = candidates_.try_emplace(id);
    Type type = local_.type(id);
    std::string_view name = without_flavour(type.name());
    if (!is_new || name.empty()) return entry->second;
    for (const Btf* target : targets_) {
      std::vector<TypeId> found = target->find_all(name);
      if (name != type.name()) {  // a target may have flavours, too
        std::vector<TypeId> flavoured = target->find_all(type.name());
        found.insert(found.end(), flavoured.begin(), flavoured.end());
      }
      for (TypeId other : found) {
        Kind kind = target->type(other).kind;
        bool both_enums = type.is_enum() && (kind == Kind::enum_ || kind == Kind::enum64);
        // A split BTF answers for its base, too: each type once.
        bool known = std::any_of(entry->second.begin(), entry->second.end(), [&](const Candidate& c) {
          return c.id == other && (c.btf == target || c.btf == target->base());
        });
        if (!known && (kind == type.kind || both_enums)) entry->second.push_back({target, other});
      }
    }
    return entry->second;
  }

  Result<Answer> ask_all(const CoreRelo& relo, const std::optional<Field>& field) {
    std::optional<Answer> agreed;
    for (const Candidate& candidate : candidates(relo.type_id)) {
      std::optional<Answer> answer = TRY(ask(relo, field, candidate));
      if (!answer) continue;
      // Ids differ by nature: the first counts.
      if (agreed && *agreed != *answer && relo.kind != Ask::type_id_target)
        return fail(EINVAL, "{}: ambiguous: types of that name answer {} and {}", describe(relo),
                    agreed->value, answer->value);
      if (!agreed) agreed = answer;
    }
    return agreed ? *agreed : absent(relo.kind);
  }

  // Nothing: the candidate does not correspond.
  Result<std::optional<Answer>> ask(const CoreRelo& relo, const std::optional<Field>& field,
                                    const Candidate& candidate) {
    const Btf& target = *candidate.btf;
    if (asks_field(relo.kind)) {
      std::optional<Field> found = target_field(local_, *field, target, candidate.id);
      if (!found) return std::optional<Answer>();
      std::optional<std::uint64_t> value = field_value(relo.kind, target, *found);
      if (!value) return std::optional<Answer>(Answer{.poison = true});
      Answer answer{.value = *value};
      if (relo.kind == Ask::field_byte_offset && found->bits == 0)
        resize(*field, target, *found, answer, relo);
      return std::optional<Answer>(answer);
    }
    if (asks_enum(relo.kind)) {
      std::vector<std::uint32_t> numbers = TRY(named(parse_access(relo.access), relo));
      Type type = resolved(local_, relo.type_id);
      if (!type.is_enum() || numbers.size() != 1 || numbers[0] >= type.enumerators().size())
        return fail(EINVAL, "{}: names no enumerator", describe(relo));
      std::string_view wanted = without_flavour(type.enumerators()[numbers[0]].name);
      for (btf::Enumerator e : resolved(target, candidate.id).enumerators())
        if (without_flavour(e.name) == wanted) {
          auto value = static_cast<std::uint64_t>(e.value);
          return std::optional<Answer>(Answer{.value = relo.kind == Ask::enumval_exists ? 1 : value});
        }
      return std::optional<Answer>();
    }
    bool corresponds = relo.kind == Ask::type_matches
                           ? types_match(local_, relo.type_id, target, candidate.id)
                           : types_compatible(local_, relo.type_id, target, candidate.id);
    if (!corresponds) return std::optional<Answer>();
    Answer answer{.value = 1};
    if (relo.kind == Ask::type_id_target) answer.value = candidate.id;
    if (relo.kind == Ask::type_size) {
      Result<std::uint32_t> size = target.size_of(candidate.id);
      if (!size) return std::optional<Answer>();
      answer.value = *size;
    }
    return std::optional<Answer>(answer);
  }

  // A load of a field that has another size in the target reads the target's size.
  void resize(const Field& field, const Btf& target, const Field& found, Answer& answer,
              const CoreRelo& relo) {
    std::uint8_t insn_class = program_.insns[relo.slot].opcode & 7;
    if (insn_class == 0 || insn_class > 3) return;  // lddw and arithmetic carry an offset, not a field
    Result<std::uint32_t> before = local_.size_of(field.type), after = target.size_of(found.type);
    if (!before || !after || *before == *after) return;
    if (may_resize(resolved(local_, field.type), resolved(target, found.type)))
      answer.load_bytes = *after;
    else
      answer.poison = true;
  }

  Result<void> patch(const CoreRelo& relo, const Answer& answer, const std::optional<Field>& field) {
    Insn& insn = program_.insns[relo.slot];
    bool wide = insn.opcode == 0x18;
    if (wide && relo.slot + 1 >= program_.insns.size())
      return fail(EINVAL, "{}: lddw is cut by the program's end", describe(relo));
    if (answer.poison) {
      Insn poison{.opcode = 0x85, .regs = 0, .off = 0, .imm = core_poison};
      insn = poison;
      if (wide) program_.insns[relo.slot + 1] = poison;
      return {};
    }
    auto too_big = [&] {
      return fail(EINVAL, "{}: the value {} does not fit", describe(relo), answer.value);
    };
    std::uint8_t insn_class = insn.opcode & 7;
    switch (insn_class) {
      case 4:                        // ALU
      case 7: {                      // ALU64
        if (insn.opcode & 8) break;  // takes a register
        auto low = static_cast<std::int32_t>(answer.value);
        bool fits = answer.value <= 0xffff'ffff ||
                    static_cast<std::uint64_t>(std::int64_t{low}) == answer.value;  // a negative enumerator
        if (!fits) return too_big();
        TRY(expect_offset(relo, field, insn.imm));
        insn.imm = low;
        return {};
      }
      case 1:    // LDX
      case 2:    // ST
      case 3: {  // STX
        if (answer.value > static_cast<std::uint64_t>(std::numeric_limits<std::int16_t>::max()))
          return too_big();
        TRY(expect_offset(relo, field, insn.off));
        insn.off = static_cast<std::int16_t>(answer.value);
        if (answer.load_bytes != 0) return set_width(insn, answer.load_bytes, relo);
        return {};
      }
      default: {
        if (!wide || insn.src() != 0) break;
        insn.imm = static_cast<std::int32_t>(answer.value);
        program_.insns[relo.slot + 1].imm = static_cast<std::int32_t>(answer.value >> 32);
        return {};
      }
    }
    return fail(EINVAL, "{}: the instruction with opcode {:#04x} cannot hold the answer", describe(relo),
                insn.opcode);
  }

  // The compiler wrote the local answer: anything else means that the record belongs elsewhere.
  Result<void> expect_offset(const CoreRelo& relo, const std::optional<Field>& field,
                             std::int32_t has) const {
    if (relo.kind != Ask::field_byte_offset || !field || field->bits != 0) return {};
    std::uint64_t expected = field->bit_offset / 8;
    if (static_cast<std::uint32_t>(has) == expected) return {};
    return fail(EINVAL, "{}: the instruction holds {}, must be the local offset {}", describe(relo), has,
                expected);
  }

  Result<void> set_width(Insn& insn, std::uint32_t bytes, const CoreRelo& relo) const {
    constexpr std::uint8_t w = 0x00, h = 0x08, b = 0x10, dw = 0x18, mask = 0x18;
    std::uint8_t size;
    switch (bytes) {
      case 1: size = b; break;
      case 2: size = h; break;
      case 4: size = w; break;
      case 8: size = dw; break;
      default: return fail(EINVAL, "{}: no load has {} bytes", describe(relo), bytes);
    }
    insn.opcode = static_cast<std::uint8_t>((insn.opcode & ~mask) | size);
    return {};
  }

  ProgramSpec& program_;
  const Btf& local_;
  std::span<const Btf* const> targets_;
  std::vector<std::string>& notes_;
  std::map<TypeId, std::vector<Candidate>> candidates_;
};

}  // namespace

std::string_view without_flavour(std::string_view name) {
  // The last "___" with something else than '_' on both sides.
  for (std::size_t at = name.size(); at-- > 1;)
    if (name.size() - at > 3 && name.substr(at, 3) == "___" && name[at - 1] != '_' && name[at + 3] != '_')
      return name.substr(0, at);
  return name;
}

bool needs_target(const ProgramSpec& program) {
  return std::any_of(program.core_relos.begin(), program.core_relos.end(),
                     [](const CoreRelo& relo) { return relo.kind != Ask::type_id_local; });
}

Result<void> apply_core(ProgramSpec& program, const Btf& local, std::span<const Btf* const> targets,
                        std::vector<std::string>& notes) {
  Applier applier(program, local, targets, notes);
  for (const CoreRelo& relo : program.core_relos) TRY(applier.apply(relo));
  return {};
}

}  // namespace skep::object
