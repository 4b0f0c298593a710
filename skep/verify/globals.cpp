// Global functions: each is verified once, for any arguments that its BTF prototype allows, and callers are
// held against the prototype.
#include "skep/uapi/contexts.h"
#include "skep/verify/checker.h"
#include "skep/verify/objects.h"

namespace skep::verify {

using Argument = Subprog::Argument;

namespace {

// "arg:..." declaration tags of a parameter (Documentation/bpf/libbpf/program_types and bpf_helpers.h).
struct TagRow {
  std::string_view name;
  std::uint8_t bit;
};
constexpr std::uint8_t tag_context = 1, tag_trusted = 2, tag_nonnull = 4, tag_nullable = 8, tag_arena = 16,
                       tag_untrusted = 32;
constexpr TagRow tags[] = {{"ctx", tag_context},     {"trusted", tag_trusted},
                           {"nonnull", tag_nonnull}, {"nullable", tag_nullable},
                           {"arena", tag_arena},     {"untrusted", tag_untrusted}};

bool is_number(btf::Kind kind) {
  return kind == btf::Kind::int_ || kind == btf::Kind::enum_ || kind == btf::Kind::enum64;
}

}  // namespace

std::string_view kind_word(btf::Kind kind) {
  return kind == btf::Kind::unkn ? "UNKNOWN" : btf::kind_name(kind);
}

// Does the parameter's type name the context of the program type?
bool Checker::is_context_type(btf::TypeId pointee) const {
  const btf::Btf& btf = *prog().btf;
  // Typedefs count by their own name (bpf_user_pt_regs_t), structs by theirs.
  btf::TypeId id = pointee;
  const uapi::Context* context = uapi::context_of(prog_type_);
  for (unsigned i = 0; i < 16; i++) {
    const btf::Type type = btf.type(id);
    if ((type.kind == btf::Kind::typedef_ || type.kind == btf::Kind::struct_) &&
        type.name() == "bpf_user_pt_regs_t")
      return prog_type_ == uapi::ProgType::kprobe;
    if (!type.is_modifier() && type.kind != btf::Kind::typedef_) break;
    id = type.type();
  }
  const btf::Type type = btf.type(id);
  if (!type.is_composite() || type.name().empty()) return false;
  if (context != nullptr) {
    std::string_view name = context->c_name;
    if (name.starts_with("struct ")) name.remove_prefix(7);
    if (type.name() == name) return true;
  }
  // sk_skb and friends are written for __sk_buff too, perf_event for its own struct.
  return false;
}

bool Checker::read_subprog_args(std::uint32_t number) {
  Subprog& subprog = subprogs_[number];
  if (subprog.args_cached) return true;
  if (subprog.func == 0 || prog().btf == nullptr) return fail(EFAULT, "Global functions need valid BTF");
  const btf::Btf& btf = *prog().btf;
  const btf::Type func = btf.type(subprog.func);
  const btf::Type proto = btf.type(func.type());
  const auto params = proto.params();
  if (params.size() > 5)
    return fail(EINVAL, "Global function {}() with {} > {} args. Buggy compiler.", subprog.name,
                params.size(), 5);
  const Result<btf::TypeId> result = btf.resolve(proto.type());
  if (!result || !is_number(btf.type(*result).kind))
    return fail(EINVAL, "Global function {}() doesn't return scalar. Only those are supported.",
                subprog.name);
  for (std::size_t i = 0; i < params.size(); i++) {
    Argument& arg = subprog.args[i];
    std::uint8_t given = 0;
    for (btf::TypeId id = btf.first_id(); id < btf.type_count(); id++) {
      const btf::Type tag = btf.type(id);
      if (tag.kind != btf::Kind::decl_tag || tag.type() != subprog.func ||
          tag.component_index() != static_cast<std::int32_t>(i) || !tag.name().starts_with("arg:"))
        continue;
      std::uint8_t bit = 0;
      for (const TagRow& row : tags)
        if (tag.name().substr(4) == row.name) bit = row.bit;
      if (bit == 0) return fail(EOPNOTSUPP, "arg#{} has unsupported set of tags", i);
      given |= bit;
    }
    if (!model_.at_least(6, 8)) given = 0;
    const Result<btf::TypeId> type_id = btf.resolve(params[i].type);
    if (!type_id) return fail(EINVAL, "Arg#{} type in {}() is not supported yet.", i, subprog.name);
    const btf::Type type = btf.type(*type_id);
    if (type.kind != btf::Kind::ptr) {
      if (given != 0) return fail(EINVAL, "arg#{} has pointer tag, but is not a pointer type", i);
      if (!is_number(type.kind))
        return fail(EINVAL, "Arg#{} type {} in {}() is not supported yet.", i, kind_word(type.kind),
                    subprog.name);
      arg.type = Argument::Type::anything;
      continue;
    }
    if (!read_pointer_arg(i, type.type(), given, arg)) return false;
  }
  subprog.arg_count = static_cast<std::uint8_t>(params.size());
  subprog.args_cached = true;
  return true;
}

bool Checker::read_pointer_arg(std::size_t index, btf::TypeId pointee, std::uint8_t given, Argument& arg) {
  const btf::Btf& btf = *prog().btf;
  const auto bad_tags = [&] { return fail(EINVAL, "arg#{} has invalid combination of tags", index); };
  if ((given & tag_context) != 0 || is_context_type(pointee)) {
    if ((given & ~tag_context) != 0) return bad_tags();
    arg.type = Argument::Type::context;
    return true;
  }
  const Result<btf::TypeId> target = btf.resolve(pointee);
  if (!target) return bad_tags();
  const btf::Type type = btf.type(*target);
  if (type.kind == btf::Kind::struct_ && type.name() == "bpf_dynptr") {
    if (given != 0) return bad_tags();
    arg.type = Argument::Type::dynptr;
    return true;
  }
  if ((given & (tag_trusted | tag_untrusted)) != 0) {
    if ((given & tag_nonnull) != 0) return bad_tags();
    if ((given & tag_untrusted) != 0 && (given & ~tag_untrusted) != 0)
      return fail(EINVAL, "arg#{} untrusted cannot be combined with any other tags", index);
    if (model_.kernel_btf == nullptr) return unsupported("a pointer to a kernel type without kernel BTF");
    // "task_struct___mine" is a task_struct.
    const std::string_view plain = type.name().substr(0, type.name().find("___"));
    const auto kernel =
        type.is_composite() ? model_.kernel_btf->find(plain, type.kind) : std::optional<btf::TypeId>{};
    if (!kernel) {
      if ((given & tag_untrusted) != 0) {
        arg.type = Argument::Type::mem;
        arg.flags = flag::rdonly | flag::untrusted;
        arg.mem_size = 0;
        return true;
      }
      return fail(EINVAL, "arg#{} type '{}' is not known by the kernel", index, type.name());
    }
    arg.type = Argument::Type::btf_object;
    arg.flags = (given & tag_trusted) != 0 ? flag::trusted : flag::untrusted;
    if ((given & tag_nullable) != 0) arg.flags |= flag::maybe_null;
    arg.btf_id = *kernel;
    return true;
  }
  if ((given & tag_arena) != 0) {
    if ((given & ~tag_arena) != 0)
      return fail(EINVAL, "arg#{} arena cannot be combined with any other tags", index);
    arg.type = Argument::Type::arena;
    return true;
  }
  if ((given & tag_nullable) != 0) return bad_tags();
  const Result<std::uint32_t> size = btf.size_of(*target);
  if (!size) {
    const std::string_view kind = kind_word(type.kind);
    return fail(EINVAL, "arg#{} reference type('{} {}') size cannot be determined: {}", index, kind,
                type.name(), -22);
  }
  arg.type = Argument::Type::mem;
  arg.flags = (given & tag_nonnull) != 0 ? std::uint16_t{0} : flag::maybe_null;
  arg.mem_size = *size;
  return true;
}

// The registers at the beginning of main program or global function `number`.
bool Checker::set_up_entry(std::uint32_t number) {
  Subprog& subprog = subprogs_[number];
  Frame& frame = state_->frame();
  if (number == 0 && prog().type != uapi::ProgType::ext) {
    mark_pointer(frame.regs[1], Kind::context);
    return true;
  }
  note("Validating {}() func#{}...\n", subprog.name, number);
  if (!read_subprog_args(number)) return false;
  if (subprog.is_exception_callback) {
    frame.in_exception_callback = true;
    if (subprog.arg_count != 1 || subprog.args[0].type != Argument::Type::anything)
      return fail(EINVAL, "exception cb only supports single integer argument");
  }
  for (unsigned i = 0; i < subprog.arg_count; i++) {
    const Argument& arg = subprog.args[i];
    RegState& r = frame.regs[i + 1];
    switch (arg.type) {
      case Argument::Type::context: mark_pointer(r, Kind::context); break;
      case Argument::Type::anything:
      case Argument::Type::arena: mark_unknown(r); break;
      case Argument::Type::dynptr:
        mark_pointer(r, Kind::dynptr);
        r.dynptr = DynptrKind::local;
        r.first_slot = true;
        r.id = new_id();
        break;
      case Argument::Type::mem:
        mark_pointer(r, Kind::mem, arg.flags);
        r.mem_size = arg.mem_size;
        r.id = new_id();
        break;
      case Argument::Type::btf_object:
        mark_pointer(r, Kind::btf_object, arg.flags);
        r.object = model_.kernel_btf;
        r.type = arg.btf_id;
        r.id = new_id();
        break;
    }
  }
  return true;
}

// `size` bytes that a global function may read and write; null is fine where the prototype allows it.
bool Checker::check_memory_argument(unsigned number, std::uint32_t size) {
  RegState& r = reg(number);
  if (r.is_null()) return true;
  const RegState saved = r;
  if (r.maybe_null()) mark_not_null(r);
  HelperMemory memory;
  memory.zero_ok = true;
  bool good = check_helper_memory(number, size, memory);
  if (good) {
    memory.mode = Mode::write;
    good = check_helper_memory(number, size, memory);
  }
  reg(number) = saved;
  return good;
}

bool Checker::check_global_args(std::uint32_t number) {
  if (!read_subprog_args(number)) return false;
  const Subprog& subprog = subprogs_[number];
  for (unsigned i = 0; i < subprog.arg_count; i++) {
    const unsigned at = i + 1;
    const Argument& arg = subprog.args[i];
    RegState& r = reg(at);
    switch (arg.type) {
      case Argument::Type::anything:
        if (r.kind != Kind::scalar) return fail(EINVAL, "R{} is not a scalar", at);
        break;
      case Argument::Type::context:
        if (r.kind == Kind::context && !check_plain_offset(r, at, false)) return false;
        if (r.kind != Kind::context) return fail(EINVAL, "arg#{} expects pointer to ctx", i);
        break;
      case Argument::Type::mem:
        if ((arg.flags & flag::untrusted) != 0) break;
        if (!check_memory_argument(at, arg.mem_size)) return false;
        if ((arg.flags & flag::maybe_null) == 0 && r.maybe_null())
          return fail(EINVAL, "arg#{} is expected to be non-NULL", i);
        break;
      case Argument::Type::arena:
        if (r.kind != Kind::arena && r.kind != Kind::scalar)
          return fail(EINVAL, "R{} is not a pointer to arena or scalar.", at);
        break;
      case Argument::Type::dynptr:
        if (!check_dynptr_argument(at)) return false;
        break;
      case Argument::Type::btf_object:
        if (r.is_null() && (arg.flags & flag::maybe_null) != 0) break;
        if (!check_btf_argument(at, arg.flags, arg.btf_id)) return false;
        break;
    }
  }
  return true;
}

bool Checker::check_global_call(const Code& insn, std::uint32_t number) {
  (void)insn;
  Subprog& subprog = subprogs_[number];
  if (state_->locks != 0)
    return fail(EINVAL,
                "global function calls are not allowed while holding a lock,\nuse static function instead");
  if (subprog.might_sleep && !can_sleep())
    return fail(EINVAL,
                "global functions that may sleep are not allowed in non-sleepable context,\n"
                "i.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context");
  if (!model_.at_least(6, 14) && state_->preempt_locks != 0)
    return fail(EINVAL,
                "global function calls are not allowed with preemption disabled,\n"
                "use static function instead");
  if (!check_global_args(number)) {
    note("Caller passes invalid args into func#{} ('{}')\n", number, subprog.name);
    return false;
  }
  note("Func#{} ('{}') is global and assumed valid.\n", number, subprog.name);
  if (subprog.changes_packet && model_.at_least(6, 12)) clear_packet_pointers();
  subprog.called = true;
  clobber_caller_saved();
  mark_unknown(reg(0));
  return true;
}

}  // namespace skep::verify
