// Rules about calls: which function may be called where and with what, references, locks and sections.
#include <charconv>

#include <fmt/format.h>

#include "skep/uapi/helpers.h"
#include "skep/uapi/kfuncs.h"
#include "skep/uapi/prog_types.h"
#include "skep/verify/rules.h"

namespace skep::verify {

namespace {

std::string type_names(std::uint64_t types) {
  std::string names;
  int count = 0;
  for (unsigned type = 0; type < 64; type++) {
    if ((types >> type & 1) == 0) continue;
    const uapi::ProgTypeRow* row = uapi::find_prog_type(static_cast<uapi::ProgType>(type));
    if (!row) continue;
    if (++count > 8) return names + " and others";
    names += (names.empty() ? "" : ", ") + std::string(row->name);
  }
  return names;
}

std::string type_name(const Story& story) {
  const uapi::ProgTypeRow* row = uapi::find_prog_type(story.program.type);
  return row && story.program.type != uapi::ProgType::unspec ? fmt::format("a program of type {}", row->name)
                                                             : "this program type";
}

// The name that stands first among the captures, without the kernel's "#12" and "bpf_" kept.
void called(Story& story, std::string_view name) {
  story.words["f"] = fmt::format("{}()", name);
  story.words["type"] = type_name(story);
}

// "program of this type cannot use helper bpf_x#12", "unknown func bpf_x#12"
void helper_refused(Story& story) {
  const std::string name = story.captured.empty() ? "the helper" : story.captured[0];
  called(story, name);
  if (const uapi::Helper* helper = uapi::find_helper(name)) {
    const std::string types = type_names(helper->prog_types);
    story.out.headline = fmt::format("{} cannot call {}()", type_name(story), name);
    if (!types.empty()) story.out.needed = fmt::format("a program of type {}", types);
    const bool known_type = story.program.type != uapi::ProgType::unspec;
    if (known_type && uapi::may_call(*helper, story.program.type)) {
      story.out.needed.clear();
      story.out.headline += ", at least not for this attach point or on this kernel";
      story.out.needed = fmt::format("an attach point that allows it, or a kernel that has it (since {}.{})",
                                     helper->since >> 8, helper->since & 0xff);
    }
  }
}

void helper_unknown(Story& story) {
  std::int64_t id = 0;
  for (const std::string& text : story.captured) std::from_chars(text.data(), text.data() + text.size(), id);
  // libbpf poisons what a failed CO-RE relocation guards with the number 0xbad2310.
  if (id == 195896080 || id == 0xbad2310) {
    set_category(story, "bad-btf");
    story.out.headline = "a CO-RE relocation failed, and the path that needs it is reached";
    story.out.needed = "a field, type or enum value that this kernel has, or a guard around its use";
    story.out.advice = "the kernel does not have what the program asks for: check for it first";
    story.out.snippet = "if (bpf_core_field_exists(task->field))\n    value = BPF_CORE_READ(task, field);";
    return;
  }
  const uapi::Helper* helper =
      id > 0 && id < 10000 ? uapi::find_helper(static_cast<std::uint32_t>(id)) : nullptr;
  if (helper) {
    story.out.headline = fmt::format("this kernel has no helper {} (bpf_{})", id, helper->name);
    story.out.needed = fmt::format("Linux {}.{} or later", helper->since >> 8, helper->since & 0xff);
  }
}

void kfunc_refused(Story& story) {
  const std::string name = story.captured.empty() ? "the function" : story.captured[0];
  called(story, name);
  if (const uapi::Kfunc* kfunc = uapi::find_kfunc(name)) {
    const std::string types = type_names(kfunc->prog_types);
    if (!types.empty()) story.out.needed = fmt::format("a program of type {}", types);
  }
}

// "cannot call GPL-restricted function from non-GPL compatible program"
void licence(Story& story) {
  if (!story.callee().empty())
    story.words["f"] = story.callee() + "()";
  else
    story.words["f"] = "the function";
}

struct Argument {
  uapi::Arg kind;
  std::string_view words;
};
constexpr Argument arguments[] = {
    {uapi::Arg::map, "a map, by its address: &map"},
    {uapi::Arg::map_key, "a pointer to a key (on the stack, initialised)"},
    {uapi::Arg::map_value, "a pointer to a value (on the stack or in a map)"},
    {uapi::Arg::uninit_map_value, "a pointer to room for a value"},
    {uapi::Arg::mem, "a pointer to memory"},
    {uapi::Arg::uninit_mem, "a pointer to a buffer"},
    {uapi::Arg::context, "the program's context, as it was given to the program"},
    {uapi::Arg::spin_lock, "the address of a bpf_spin_lock in a map value"},
    {uapi::Arg::timer, "the address of a bpf_timer in a map value"},
    {uapi::Arg::kptr, "the address of a kptr in a map value"},
    {uapi::Arg::dynptr, "the address of a dynptr on the stack"},
    {uapi::Arg::function, "a static function of the program"},
    {uapi::Arg::stack, "a pointer to the stack"},
    {uapi::Arg::const_str, "a constant string (static const char fmt[])"},
    {uapi::Arg::sock, "a socket"},
    {uapi::Arg::btf_ptr, "a pointer to a kernel object"},
    {uapi::Arg::ringbuf_record, "a record from bpf_ringbuf_reserve()"},
};

// "R1 type=scalar expected=fp, ..."
void wrong_type(Story& story) {
  const LogValue* known = story.value(story.culprit);
  if (known && known->may_be_null() && story.captured.size() > 1 &&
      story.captured[1].find("_or_null") != std::string::npos) {
    set_category(story, "missing-null-check");
    const std::string name = story.name(story.culprit);
    story.out.headline = fmt::format("{} may be NULL and is passed to {} without a check",
                                     story.noun(story.culprit), story.words["callee"]);
    story.out.needed = "a comparison with NULL before the call";
    story.out.advice = "leave when the pointer is NULL, before it is passed on";
    story.out.snippet = fmt::format("if (!{})\n    return 0;", name.empty() ? "ptr" : name);
    return;
  }
  const uapi::Helper* helper = uapi::find_helper(story.callee());
  if (!helper || story.culprit_place < 1 || story.culprit_place > 5) return;
  const uapi::Arg wanted =
      uapi::helper_form(*helper, story.program.type).args[static_cast<std::size_t>(story.culprit_place - 1)];
  for (const Argument& row : arguments)
    if (row.kind == wanted) story.out.needed = row.words;
  std::string_view prototype = helper->prototype;
  if (!prototype.empty()) story.out.snippet = fmt::format("{};", prototype);
  if (known && known->is_scalar() && known->constant)
    story.out.headline = fmt::format("argument {} of {}() is the number {}", story.culprit_place,
                                     story.callee(), *known->constant);
  if (known && known->is_scalar() && (wanted == uapi::Arg::mem || wanted == uapi::Arg::uninit_mem)) return;
  if (known && known->kind == "ctx" && wanted == uapi::Arg::map) story.out.advice = "the map comes first";
}

bool acquires(std::string_view callee) {
  if (const uapi::Helper* helper = uapi::find_helper(callee))
    return (helper->traits & uapi::helper_acquires) != 0;
  const uapi::Kfunc* kfunc = uapi::find_kfunc(callee);
  return kfunc && (kfunc->flags & uapi::kf::acquire) != 0;
}
bool releases(std::string_view callee) {
  if (const uapi::Helper* helper = uapi::find_helper(callee))
    return (helper->traits & uapi::helper_releases) != 0;
  const uapi::Kfunc* kfunc = uapi::find_kfunc(callee);
  return kfunc && (kfunc->flags & uapi::kf::release) != 0;
}

struct Pair {
  std::string_view acquire, release;
};
constexpr Pair pairs[] = {
    {"bpf_sk_lookup_tcp", "bpf_sk_release(sk)"},
    {"bpf_sk_lookup_udp", "bpf_sk_release(sk)"},
    {"bpf_skc_lookup_tcp", "bpf_sk_release(sk)"},
    {"bpf_ringbuf_reserve", "bpf_ringbuf_submit(record, 0)"},
    {"bpf_ringbuf_reserve_dynptr", "bpf_ringbuf_submit_dynptr(&dynptr, 0)"},
    {"bpf_task_from_pid", "bpf_task_release(task)"},
    {"bpf_task_from_vpid", "bpf_task_release(task)"},
    {"bpf_task_acquire", "bpf_task_release(task)"},
    {"bpf_cgroup_from_id", "bpf_cgroup_release(cgroup)"},
    {"bpf_cgroup_acquire", "bpf_cgroup_release(cgroup)"},
    {"bpf_cgroup_ancestor", "bpf_cgroup_release(cgroup)"},
    {"bpf_cpumask_create", "bpf_cpumask_release(mask)"},
    {"bpf_cpumask_acquire", "bpf_cpumask_release(mask)"},
    {"bpf_xdp_ct_lookup", "bpf_ct_release(ct)"},
    {"bpf_skb_ct_lookup", "bpf_ct_release(ct)"},
    {"bpf_obj_new_impl", "bpf_obj_drop(object)"},
    {"bpf_percpu_obj_new_impl", "bpf_percpu_obj_drop(object)"},
    {"bpf_kptr_xchg", "the release function of the object"},
    {"bpf_get_task_exe_file", "bpf_put_file(file)"},
    {"bpf_iter_num_new", "bpf_iter_num_destroy(&it)"},
};

// "Unreleased reference id=2 alloc_insn=8", and what ends a path with it.
void leaked(Story& story) {
  StepIndex made = no_step;
  std::int64_t slot = -1;
  if (const auto n = story.detail_number("alloc_insn=")) slot = *n;
  for (std::size_t i = story.log.steps.size(); i-- > 0 && made == no_step;) {
    const LogStep& step = story.log.steps[i];
    if (slot >= 0 ? step.slot == slot : acquires(step.callee)) made = static_cast<StepIndex>(i);
  }
  if (made == no_step) return;
  const std::string& callee = story.log.steps[made].callee;
  const SourcePlace at = story.place(made);
  const std::string name = assigned_name(at.text, at.column);
  const std::string what = name.empty() ? fmt::format("what {}() gave", callee) : quoted(name);
  std::string_view release;
  for (const Pair& pair : pairs)
    if (pair.acquire == callee) release = pair.release;
  story.cause(made, fmt::format("{}() gives a reference{}, which must be given back", callee,
                                name.empty() ? "" : " into " + quoted(name)));
  story.branches_since(made + 1, 5);
  if (story.has_steps()) story.cause(story.last(), "the path ends here, with the reference still held");
  story.out.headline = fmt::format("{} is not released on every path", what);
  story.out.needed = release.empty() ? "the release function called before each end"
                                     : fmt::format("{} before each end", release);
  story.out.advice = "release it before every return that follows, also those of error paths";
  if (!release.empty()) {
    std::string call(release);
    if (const std::size_t open = call.find('('),
        end = call.find_first_of(",)", open == std::string::npos ? 0 : open);
        !name.empty() && open != std::string::npos && call[open + 1] != '&')
      call.replace(open + 1, end - open - 1, name);
    story.out.snippet = callee == "bpf_ringbuf_reserve"
                            ? fmt::format(
                                  "if (failed) {{\n    bpf_ringbuf_discard({0}, 0);\n    return "
                                  "0;\n}}\nbpf_ringbuf_submit({0}, 0);",
                                  name.empty() ? "record" : name)
                            : fmt::format("if (failed) {{\n    {};\n    return 0;\n}}", call);
  }
}

void released(Story& story) {
  const StepIndex before = [&] {
    for (std::size_t i = story.log.steps.size(); i-- > 1;)
      if (releases(story.log.steps[i - 1].callee)) return static_cast<StepIndex>(i - 1);
    return no_step;
  }();
  if (before != no_step) {
    story.cause(before, fmt::format("{}() gives it back: from here on nothing is held",
                                    story.log.steps[before].callee));
    story.out.needed = "one release for each object that was acquired";
    story.out.advice = "remove the second release, or set the pointer to NULL after the first and test it";
  }
}

bool unlocks(std::string_view callee) { return callee == "bpf_spin_unlock"; }
bool opens_section(std::string_view callee) {
  return callee == "bpf_spin_lock" || callee == "bpf_rcu_read_lock" || callee == "bpf_preempt_disable" ||
         callee == "bpf_local_irq_save" || callee == "bpf_res_spin_lock" ||
         callee == "bpf_res_spin_lock_irqsave";
}

void lock(Story& story) {
  const StepIndex taken = story.last_call(opens_section);
  if (taken != no_step && taken != story.last())
    story.cause(taken, fmt::format("{}() begins the section", story.log.steps[taken].callee));
  const StepIndex free = story.last_call(unlocks);
  if (free != no_step && free != story.last() && (taken == no_step || free > taken))
    story.cause(free, "bpf_spin_unlock() ends the section");
  if (taken != no_step) story.branches_since(taken + 1, 3);
}

constexpr std::string_view lock_snippet =
    "bpf_spin_lock(&value->lock);\nvalue->count++;          /* no calls, no return in between "
    "*/\nbpf_spin_unlock(&value->lock);";

// clang-format off
constexpr Rule rows[] = {
    // Who may call what.
    {"program of this type cannot use helper {name}#{num}", "helper-not-allowed", Culprit::none, "this program type cannot call {1}()", "another program type, or another helper", "use a helper that this program type has, or another attach point", "", helper_refused},
    {"unknown func {name}#{num}", "helper-not-allowed", Culprit::none, "this program type cannot call {1}(), or the kernel does not have it", "another program type, or a newer kernel", "use a helper that this program type and kernel have", "", helper_refused},
    {"invalid func {name}#{num}", "helper-unknown", Culprit::none, "this kernel has no helper {2}", "a kernel that has it", "guard the call, so that old kernels do not reach it", "if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_name))\n    bpf_name(...);", helper_unknown},
    {"calling kernel function {name} is not allowed", "helper-not-allowed", Culprit::none, "this program cannot call the kernel function {1}()", "another program type", "use a program type (SEC name) that the kernel lists for this function", "", kfunc_refused},
    {"kernel function {name} is not allowed*", "helper-not-allowed", Culprit::none, "this program cannot call the kernel function {1}()", "another program type", "", "", kfunc_refused},
    {"cannot call GPL-restricted function from non-GPL compatible program", "licence", Culprit::none, "{f} may only be called by programs under a GPL-compatible licence", "a licence section that says GPL (or \"Dual MIT/GPL\" and the like)", "declare the licence, if that is the program's licence", "char _license[] SEC(\"license\") = \"GPL\";", licence},
    {"cannot call kernel function from non-GPL compatible program", "licence", Culprit::none, "kernel functions may only be called by programs under a GPL-compatible licence", "a licence section that says GPL", "declare the licence, if that is the program's licence", "char _license[] SEC(\"license\") = \"GPL\";"},
    {"Cannot access kernel '{name}' from non-GPL compatible program", "licence", Culprit::none, "struct {1} may only be read by programs under a GPL-compatible licence", "a licence section that says GPL", "declare the licence, if that is the program's licence", "char _license[] SEC(\"license\") = \"GPL\";"},
    {"struct ops programs must have a GPL compatible license", "licence", Culprit::none, "struct_ops programs need a GPL-compatible licence", "a licence section that says GPL", "declare the licence, if that is the program's licence", "char _license[] SEC(\"license\") = \"GPL\";"},
    {"tracing progs cannot use {name} yet", "helper-not-allowed", Culprit::none, "tracing programs cannot use maps with {1}", "another program type"},
    {"tracing progs cannot use *", "helper-not-allowed", Culprit::none, "tracing programs cannot use this kind of map value", "another program type"},
    {"helper call is not allowed in probe", "helper-not-allowed", Culprit::none, "{callee} cannot be called in this program type", "another program type"},
    {"metadata kfuncs require device-bound program", "helper-not-allowed", Culprit::none, "{callee} works only in programs that are bound to a device", "BPF_F_XDP_DEV_BOUND_ONLY and an interface index at load"},
    {"css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs", "helper-not-allowed", Culprit::none, "this iterator is for LSM, iterator and sleepable programs", "one of those program types"},
    {"get_local_storage() doesn't support non-zero flags", "wrong-argument-type", Culprit::none, "the flags of bpf_get_local_storage() must be 0", "flags 0", "pass 0", "bpf_get_local_storage(&storage, 0);"},
    {"* is only allowed in *", "helper-not-allowed", Culprit::none, "this is not allowed in this program type", ""},
    // Sleeping.
    {"helper call might sleep in a non-sleepable prog", "sleeping", Culprit::none, "{callee} may sleep, but this program cannot", "a sleepable program: SEC(\"fentry.s/...\"), \"lsm.s/...\", \"uprobe.s/...\", \"syscall\"", "use a sleepable section, or the variant that does not sleep", "SEC(\"lsm.s/file_open\")   /* .s: may sleep */"},
    {"program must be sleepable to call sleepable kfunc {name}", "sleeping", Culprit::none, "{1}() may sleep, but this program cannot", "a sleepable program: SEC(\"fentry.s/...\"), \"lsm.s/...\", \"syscall\"", "use a sleepable section", "SEC(\"lsm.s/file_open\")   /* .s: may sleep */"},
    {"*sleepable * within *", "sleeping", Culprit::none, "a function that may sleep is called in a section that must not", "the call outside of the section", "end the section first, or move the call before it", "", lock},
    {"sleepable helper {name}#{num} in *", "sleeping", Culprit::none, "{1}() may sleep, and is called in a section that must not", "the call outside of the section", "end the section first, or move the call before it", "", lock},
    {"sleepable helper {name} in *", "sleeping", Culprit::none, "{1}() may sleep, and is called in a section that must not", "the call outside of the section", "end the section first, or move the call before it", "", lock},
    // Arguments.
    {"{reg} type={name} expected=*", "wrong-argument-type", Culprit::reg, "{callee} is passed {v}, which is {state}", "another kind of value", "pass what the prototype says", "", wrong_type},
    {"cannot pass map_type {num} into func {name}#{num}", "wrong-map-type", Culprit::none, "{2}() does not work on maps of this type ({1})", "a map of a type that the function takes", "each helper works on some map types only; use the function made for this map type"},
    {"expected prog array map for tail call", "wrong-map-type", Culprit::none, "bpf_tail_call() takes a map of programs, this one is of another type", "a map of type BPF_MAP_TYPE_PROG_ARRAY", "declare the map as a program array", "struct {\n    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);\n    __uint(max_entries, 4);\n    __type(key, __u32);\n    __type(value, __u32);\n} next SEC(\".maps\");"},
    {"map {name} * cannot be used *", "wrong-map-type", Culprit::none, "this map cannot be used here", "another map type"},
    {"map_type {num} is not *", "wrong-map-type", Culprit::none, "this map type cannot be used here", "another map type"},
    {"map '{name}' has no valid {name}", "wrong-map-type", Culprit::none, "the value of map {1} has no {2}", "a struct with a {2} as the map's value type (with BTF)", "add the field to the value's struct, and declare the map with __type(value, ...)", "struct value { struct {2} field; __u64 count; };"},
    {"{reg} does not point to a readonly map*", "wrong-argument-type", Culprit::reg, "the format string must be a constant in read-only memory", "static const char fmt[]", "make it a constant", "static const char fmt[] = \"pid %d\";"},
    {"Invalid format string", "wrong-argument-type", Culprit::none, "the format of {callee} has something that it does not know, or more conversions than arguments", "%d %i %u %x %X, with l or ll before; %c %s %p; %pks %pus for strings elsewhere", "print numbers as integers; floating point does not exist", "static const char fmt[] = \"%llu.%03llu s\";"},
    {"string is not zero-terminated", "wrong-argument-type", Culprit::none, "the string has no terminating zero", "a zero at the end", "", "static const char fmt[] = \"pid %d\";   /* with its zero */"},
    {"{reg} must be a known constant", "wrong-argument-type", Culprit::reg, "{v} must be a constant that the verifier knows; it is {state}", "a constant", "pass a number that is the same on every path", "record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);"},
    {"{reg} is not a known constant'", "wrong-argument-type", Culprit::reg, "{v} must be a constant that the verifier knows", "a constant"},
    {"{reg} is not a const", "wrong-argument-type", Culprit::reg, "{v} must be a constant that the verifier knows", "a constant"},
    {"{reg} is of type {name} but {name} is expected", "wrong-argument-type", Culprit::reg, "{callee} is passed a struct {2}, but takes a struct {3}", "a pointer to struct {3}", "pass the object that the function is for"},
    {"{reg} must have zero offset when passed to release func or trusted arg to kfunc", "wrong-argument-type", Culprit::reg, "{v} points into the middle of an object", "the pointer as it was acquired"},
    {"{reg} must be referenced or trusted", "untrusted-pointer", Culprit::reg, "{v} is a kernel pointer that may no longer be valid, so {callee} does not take it", "a trusted pointer: an argument of the tracepoint, or one that was acquired", "acquire the object first, and release it afterwards", "struct task_struct *task = bpf_task_acquire(ptr);\nif (!task)\n    return 0;\n/* use it */\nbpf_task_release(task);"},
    {"{reg} must be a rcu pointer", "untrusted-pointer", Culprit::reg, "{v} is not protected by RCU here", "a pointer read between bpf_rcu_read_lock() and bpf_rcu_read_unlock()", "read and use it inside of an RCU section", "bpf_rcu_read_lock();\np = task->real_parent;\n/* use p */\nbpf_rcu_read_unlock();", lock},
    {"{reg} type=untrusted_* expected=*", "untrusted-pointer", Culprit::reg, "{v} is a kernel pointer that may no longer be valid", "a trusted pointer"},
    {"kernel function {name} args#{arg} expected pointer to {name} {name} but {reg} has a pointer to {name} {name}", "wrong-argument-type", Culprit::reg, "{1}() is passed a pointer to {7}, but takes a {4}", "a pointer to {3} {4}", "pass the object that the function is for"},
    {"kernel function {name} args#{arg} expected pointer to *", "wrong-argument-type", Culprit::arg0, "{1}() is passed the wrong kind of pointer", "what its prototype says"},
    {"arg#{arg} pointer type {name} {name} must point to *", "wrong-argument-type", Culprit::arg0, "{v} ({state}) cannot be passed to {callee}, which takes a pointer to {3}", "a pointer to struct {3} from the kernel", "pass the object itself, as the kernel or an acquire function gave it"},
    {"arg#{arg} expected pointer to ctx, but got {name}", "wrong-argument-type", Culprit::arg0, "{callee} takes the context, but gets {state}", "the program's context", "pass ctx"},
    {"arg#{arg} expected pointer to allocated object", "wrong-argument-type", Culprit::arg0, "{callee} takes an object from bpf_obj_new(), but gets {state}", "an object from bpf_obj_new()"},
    {"arg#{arg} arg#{num} memory, len pair leads to invalid memory access", "memory-out-of-bounds", Culprit::arg0, "the memory and the length that {callee} gets do not fit together", "a length that is at most the size of the memory", "pass sizeof of the buffer"},
    {"arg#{arg} *", "wrong-argument-type", Culprit::arg0, "argument {1} of {callee} (counted from 0) is not what it takes: {state}", ""},
    {"bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct*", "wrong-argument-type", Culprit::none, "bpf_obj_new() is for structs only", "a struct type", "", "struct node *n = bpf_obj_new(typeof(*n));"},
    {"Unsupported reg type {name} for bpf_dynptr_from_mem data", "dynptr", Culprit::none, "bpf_dynptr_from_mem() works on map values only, not on {1}", "a pointer to a map value"},
    // Dynptrs and iterators.
    {"Expected an initialized dynptr as arg #{arg}", "dynptr", Culprit::arg0, "the dynptr that {callee} gets is not initialised (or was released)", "a dynptr from bpf_dynptr_from_*() or bpf_ringbuf_reserve_dynptr() on every path", "initialise it first; after submit or discard it is gone"},
    {"Dynptr has to be an uninitialized dynptr", "dynptr", Culprit::none, "{callee} would overwrite a dynptr that is in use", "a fresh variable", "use another struct bpf_dynptr"},
    {"cannot overwrite referenced dynptr", "dynptr", Culprit::none, "a dynptr that holds a reference is overwritten", "a release of it first", "submit or discard the dynptr before its memory is used again"},
    {"cannot pass in dynptr at an offset=*", "dynptr", Culprit::none, "the address of the dynptr was changed", "&dynptr itself"},
    {"potential write to dynptr at off=*", "dynptr", Culprit::none, "this may write into a dynptr on the stack", "writes that stay beside it"},
    {"cannot release unowned const bpf_dynptr", "dynptr", Culprit::none, "a dynptr that a callback was given is released", "no release: its owner does it"},
    {"*dynptr*", "dynptr", Culprit::none, "a dynptr is used in a way that is not allowed", ""},
    {"expected an initialized iter_{name} as arg #{arg}", "iterator", Culprit::arg0, "the iterator that {callee} gets is not initialised (or was destroyed)", "bpf_iter_{1}_new() before, bpf_iter_{1}_destroy() once at the end", "use bpf_for or bpf_for_each, which do both", "int i;\nbpf_for(i, 0, 10) {\n    /* ... */\n}"},
    {"expected uninitialized iter_{name} as arg #{arg}", "iterator", Culprit::arg0, "bpf_iter_{1}_new() would overwrite an iterator that is in use", "bpf_iter_{1}_destroy() before, or another variable"},
    // References.
    {"Unreleased reference id=*", "leaked-reference", Culprit::none, "something that was acquired is not released on every path", "a release before each end", "release it before every return", "", leaked},
    {"* would lead to reference leak*", "leaked-reference", Culprit::none, "something that was acquired is not released on every path", "a release before each end", "release it before every return", "", leaked},
    {"*reference leak*", "leaked-reference", Culprit::none, "something that was acquired is not released on every path", "a release before each end", "release it before every return", "", leaked},
    {"*cannot be mixed with socket references", "leaked-reference", Culprit::none, "this ends the program on failure, with a reference held", "a release before", "", "", leaked},
    {"{reg} must be referenced when passed to release function", "double-release", Culprit::reg, "{v} is released, but nothing is held through it", "an object that was acquired and not yet released", "release only what was acquired, once", "", released},
    {"arg {num} is an unacquired reference", "double-release", Culprit::none, "{callee} is passed something that is not held", "an object that was acquired and not yet released", "release only what was acquired, once", "", released},
    {"release kernel function {name} expects refcounted PTR_TO_BTF_ID", "double-release", Culprit::none, "{1}() is passed an object that is not held", "an object that was acquired and not yet released", "release only what was acquired, once", "", released},
    {"release helper {name} expects *", "double-release", Culprit::none, "{1}() is passed something that is not held", "an object that was acquired and not yet released", "release only what was acquired, once", "", released},
    {"kfunc {name} reference has not been acquired before", "double-release", Culprit::none, "{1}() is passed something that is not held", "an object that was acquired and not yet released", "", "", released},
    {"{name} {name} reference has not been acquired before", "double-release", Culprit::none, "{2}() is passed something that is not held", "an object that was acquired and not yet released", "", "", released},
    {"reference has not been acquired before", "double-release", Culprit::none, "{callee} is passed something that is not held", "an object that was acquired and not yet released", "release only what was acquired, once", "", released},
    // Locks and sections.
    {"BPF_EXIT instruction in main prog cannot be used inside bpf_{name}-ed region", "lock-misuse", Culprit::none, "the program can end with bpf_{1} still held", "the unlock before each return", "unlock on every path, also those of errors", lock_snippet, lock},
    {"* cannot be used inside bpf_{name}-ed region", "lock-misuse", Culprit::none, "this is not allowed between bpf_{1} and its counterpart", "the end of the section first", "end the section before", lock_snippet, lock},
    {"bpf_spin_unlock is missing", "lock-misuse", Culprit::none, "the program can end with the lock still held", "bpf_spin_unlock() on every path", "unlock before each return", lock_snippet, lock},
    {"* {num} bpf_{name} is missing", "lock-misuse", Culprit::none, "a section that was begun is not ended on every path", "its end on every path", "end it before each return", "", lock},
    {"*bpf_{name}* is missing*", "lock-misuse", Culprit::none, "a section that was begun is not ended on every path", "its end on every path", "end it before each return", "", lock},
    {"Locking two bpf_spin_locks are not allowed", "lock-misuse", Culprit::none, "a second lock is taken while one is held", "one lock at a time", "unlock the first before the second is taken", lock_snippet, lock},
    {"bpf_spin_unlock without taking a lock", "lock-misuse", Culprit::none, "the lock is not held here", "bpf_spin_lock() before, on every path", "lock first, and unlock once", lock_snippet, lock},
    {"bpf_spin_unlock of different lock", "lock-misuse", Culprit::none, "this is not the lock that is held", "the unlock of the lock that was taken", "use one pointer for lock and unlock; a second lookup gives another one to the verifier", lock_snippet, lock},
    {"function calls are not allowed while holding a lock", "lock-misuse", Culprit::none, "{callee} is called while the lock is held", "no calls between lock and unlock", "move the call before bpf_spin_lock() or behind bpf_spin_unlock()", lock_snippet, lock},
    {"{name} at off={num} must be held for {name}", "lock-misuse", Culprit::none, "the {3} is used without its lock", "the {1} of the same object or map value held", "take the lock that stands beside it", "bpf_spin_lock(&lock);\nbpf_list_push_front(&head, &node->list);\nbpf_spin_unlock(&lock);", lock},
    {"can't spin_* in rbtree cb", "lock-misuse", Culprit::none, "the comparison callback takes or frees the lock", "a callback without locks", "the lock is held already"},
    {"*rbtree_remove not allowed in rbtree cb", "lock-misuse", Culprit::none, "the comparison callback changes the tree", "a callback that only compares"},
    {"unmatched rcu read unlock*", "lock-misuse", Culprit::none, "the RCU section is ended that was not begun", "bpf_rcu_read_lock() before", "", "", lock},
    {"nested rcu read lock*", "lock-misuse", Culprit::none, "an RCU section is begun inside of another", "one section at a time", "", "", lock},
    {"{num} unmatched attempt to enable preemption*", "lock-misuse", Culprit::none, "preemption is enabled that was not disabled", "bpf_preempt_disable() before", "", "", lock},
    // Special fields.
    {"bpf_spin_lock cannot be accessed directly by load/store", "special-field", Culprit::none, "the lock itself is read or written", "bpf_spin_lock() and bpf_spin_unlock() only", "copy and compare the other fields one by one, not the whole struct", "new.count = old->count;   /* field by field, without the lock */"},
    {"direct access to {name} is disallowed", "special-field", Culprit::none, "{1} is read or written directly", "its functions only", "copy the other fields one by one, not the whole struct"},
    {"off {num} doesn't point to 'struct {name}' that is at {num}", "special-field", Culprit::none, "this points {1} bytes into the value, but its {2} is at {3}", "the address of the {2} field"},
    {"{name} not found at offset={num}", "special-field", Culprit::none, "there is no {1} at this place of the object", "the address of the {1} field"},
    {"store to referenced kptr disallowed", "special-field", Culprit::none, "a kptr that owns its object is overwritten", "bpf_kptr_xchg()", "exchange it, and release the old one", "old = bpf_kptr_xchg(&value->task, task);\nif (old)\n    bpf_task_release(old);"},
    {"off={num} kptr isn't referenced kptr", "special-field", Culprit::none, "bpf_kptr_xchg() is for kptrs that own their object", "a field with __kptr", "", "struct value { struct task_struct __kptr *task; };"},
    {"invalid kptr access, *", "special-field", Culprit::none, "the kptr field gets an object of another type", "a pointer of the field's type"},
    {"kptr access *", "special-field", Culprit::none, "the kptr field is accessed in part or in the wrong way", "the whole pointer"},
    {"{name} pointer in {reg}* doesn't match map pointer in {reg}*", "wrong-map-type", Culprit::reg, "the {1} and the map do not belong together", "the map whose value holds the {1}", "look the value up in the map that you pass", "job = bpf_map_lookup_elem(&jobs, &key);\nif (job)\n    bpf_timer_init(&job->timer, &jobs, CLOCK_MONOTONIC);"},
    {"{reg} has no valid kptr", "special-field", Culprit::reg, "there is no kptr at this place of the map value", "the address of a __kptr field"},
};
// clang-format on

}  // namespace

std::span<const Rule> call_rules() { return rows; }

}  // namespace skep::verify
