// Rules about the program as a whole: loops and limits, return values, instructions, types, attach points.
#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "skep/verify/rules.h"

namespace skep::verify {

namespace {

std::optional<isa::Slot> captured_slot(const Story& story, std::size_t index) {
  if (index >= story.captured.size()) return {};
  isa::Slot slot = 0;
  const std::string& text = story.captured[index];
  if (std::from_chars(text.data(), text.data() + text.size(), slot).ec != std::errc{}) return {};
  return slot;
}

// Reasons that name their instruction: {num} is it.
void at_slot(Story& story) {
  if (story.captured.empty()) return;
  for (std::size_t i = 0; i < story.captured.size(); i++)
    if (const auto slot = captured_slot(story, i)) {
      const SourcePlace at = story.place_of_slot(*slot);
      story.out.has_insn = true;
      story.out.slot = *slot;
      story.out.insn.clear();
      if (story.has_steps() && story.failing().slot == *slot) {
        story.out.insn = story.failing().text;
        if (at.line == 0) return;
      }
      story.out.place = at;
      return;
    }
}

// The loop that the path went through most: its jump back, how often, and the last condition in it.
void tell_loop(Story& story) {
  struct Jump {
    std::size_t times = 0;
    StepIndex last = no_step;
    isa::Slot target = 0;
  };
  std::map<std::pair<isa::Slot, isa::Slot>, Jump> jumps;
  const auto& steps = story.log.steps;
  for (std::size_t i = 0; i + 1 < steps.size(); i++) {
    if (steps[i + 1].slot > steps[i].slot || steps[i].frame != steps[i + 1].frame) continue;
    Jump& jump = jumps[{steps[i].slot, steps[i + 1].slot}];
    jump.times++;
    jump.last = static_cast<StepIndex>(i);
    jump.target = steps[i + 1].slot;
  }
  const auto most = std::max_element(jumps.begin(), jumps.end(), [](const auto& a, const auto& b) {
    return a.second.times < b.second.times;
  });
  if (most == jumps.end()) return;
  const Jump& jump = most->second;
  const isa::Slot low = jump.target, high = steps[jump.last].slot;
  StepIndex entry = jump.last;
  while (entry > 0 && steps[entry].slot >= low && steps[entry].slot <= high && jump.last - entry < 4096)
    entry--;
  const SourcePlace head = story.place(jump.last);
  story.out.has_insn = true;
  story.out.slot = steps[jump.last].slot;
  story.out.insn = steps[jump.last].text;
  story.out.place = head;
  story.words["times"] = fmt::format("{}", jump.times);
  story.cause(jump.last,
              jump.times > 1
                  ? fmt::format("the loop goes on here; the path in the log went round {} times", jump.times)
                  : "the loop goes on here");
  // What the conditions inside of the loop compare.
  std::size_t told = 0;
  for (auto branch = story.trail.branches().rbegin(); branch != story.trail.branches().rend() && told < 3;
       ++branch) {
    if (branch->step > jump.last || branch->step < entry) continue;
    const isa::Slot slot = steps[branch->step].slot;
    if (slot < low || slot > high) continue;
    const LogValue* after = branch->after;
    if (after && after->is_scalar()) {
      story.cause(branch->step, fmt::format("{} is {} when this is decided", story.noun(branch->left),
                                            range_words(*after)));
      told++;
    }
  }
}

void too_large(Story& story) {
  tell_loop(story);
  if (const auto times = story.words.find("times"); times != story.words.end())
    story.out.headline = "following this loop takes all of the verifier's budget";
}

void endless(Story& story) { tell_loop(story); }

// "At program exit the register R0 has smin=2 smax=2 should have been in [0, 1]"
void return_range(Story& story) {
  std::string low, high;
  const std::string& reason = story.out.reason;
  if (const std::size_t open = reason.rfind('['); open != std::string::npos) {
    const std::size_t comma = reason.find(", ", open), close = reason.find(']', open);
    if (comma != std::string::npos && close != std::string::npos) {
      low = reason.substr(open + 1, comma - open - 1);
      high = reason.substr(comma + 2, close - comma - 2);
    }
  }
  if (story.culprit == no_node) story.set_culprit(0);
  const LogValue* known = story.value(story.culprit);
  const std::string what = known ? range_words(*known) : "another value";
  const bool callback = reason.find("callback") != std::string::npos;
  story.out.headline = fmt::format("{} returns {}", callback ? "the callback" : story.words["prog"], what);
  if (!low.empty()) {
    story.out.headline +=
        fmt::format(", but only {} to {} {} allowed here", low, high, low == high ? "is" : "are");
    if (low == high)
      story.out.headline = fmt::format("{} returns {}, but only {} is allowed here",
                                       callback ? "the callback" : story.words["prog"], what, low);
    story.out.needed = low == high ? fmt::format("the return value {}", low)
                                   : fmt::format("a return value from {} to {}", low, high);
    story.out.snippet = fmt::format("return {};", low == "-4095" ? "-EPERM" : low);
  }
  story.branches_since(0, 3);
}

void stack_depth(Story& story) {
  std::size_t deepest = 0;
  for (std::size_t i = 1; i < story.log.steps.size(); i++)
    if (story.log.steps[i].frame > story.log.steps[deepest].frame) deepest = i;
  if (story.has_steps() && deepest > 0)
    story.cause(static_cast<StepIndex>(deepest), "the deepest call that the log shows");
}

constexpr std::string_view loop_snippet =
    "for (int i = 0; i < 64; i++) {   /* a constant limit */\n    if (i >= count)\n        break;\n    /* "
    "... */\n}";
constexpr std::string_view big_snippet =
    "static long step(__u32 i, void *ctx) { /* one round */ return 0; }\nbpf_loop(1000, step, &state, 0);   "
    "/* Linux 5.17; bpf_for() since 6.4 */";
constexpr std::string_view stack_snippet =
    "struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1);\n         __type(key, __u32); "
    "__type(value, struct big); } scratch SEC(\".maps\");";

// clang-format off
constexpr Rule rows[] = {
    // Loops and limits.
    {"infinite loop detected at insn {num}", "infinite-loop", Culprit::none, "this loop comes back to the same place with nothing changed: it may never end", "a counter with a constant limit that each round changes", "give the loop a limit that the verifier can see", loop_snippet, endless},
    {"BPF program is too large. Processed {num} insn", "too-complex", Culprit::none, "following all paths takes more than {1} instructions", "fewer paths or rounds", "put the body of a long loop into a callback of bpf_loop(), or into a global function, which are checked once", big_snippet, too_large},
    {"The sequence of {num} jumps is too complex.", "too-complex", Culprit::none, "more than {1} branches are open at once", "fewer branches in sequence", "split the program into global (not static) functions, which are checked alone", "__noinline int parse_options(struct xdp_md *ctx) { /* ... */ }", too_large},
    {"BPF program is too complex*", "too-complex", Culprit::none, "the verifier gives up: too many paths", "fewer paths", "", "", too_large},
    {"back-edge from insn {num} to {num}", "back-edge", Culprit::none, "there is a loop, and this kernel (or a task without privileges) takes none", "straight code, or Linux 5.3 and CAP_BPF", "unroll the loop", "#pragma unroll\nfor (int i = 0; i < 8; i++) {\n    /* ... */\n}", at_slot},
    {"loop detected*", "back-edge", Culprit::none, "functions call each other in a circle", "functions without recursion"},
    {"recursive call*", "back-edge", Culprit::none, "a function calls itself", "functions without recursion", "use a loop with a limit and a stack of its own in a map"},
    {"combined stack size of {num} calls is {num}. Too large", "stack-too-deep", Culprit::none, "the functions on this chain of {1} calls need {2} bytes of stack together", "512 bytes at most for the whole chain (256 below a tail call)", "move large local variables into a per-CPU array map", stack_snippet, stack_depth},
    {"stack size of subprog {num} is {num}. Too large", "stack-too-deep", Culprit::none, "function {1} needs {2} bytes of stack", "512 bytes at most", "move large local variables into a per-CPU array map", stack_snippet, stack_depth},
    {"tail_calls are not allowed when call stack of previous frames is {num} bytes*", "stack-too-deep", Culprit::none, "a tail call is made with {1} bytes of stack in use by the callers", "at most 256 bytes before a tail call", "make the tail call from the main function, or use less stack", stack_snippet},
    {"the call stack of {num} frames is too deep !", "stack-too-deep", Culprit::none, "the functions nest {1} deep", "8 levels of calls at most", "inline some of the functions", "static __always_inline int helper(...)", stack_depth},
    {"the call stack of {num} frames is too deep", "stack-too-deep", Culprit::none, "the functions nest {1} deep", "8 levels of calls at most", "inline some of the functions", "static __always_inline int helper(...)", stack_depth},
    {"number of frames is too deep*", "stack-too-deep", Culprit::none, "the functions nest too deep", "8 levels of calls at most"},
    // What the program returns.
    {"At program exit the register R{num} *", "return-value", Culprit::result, "the program may return a value that is not allowed here", "a value that the attach point allows", "return one of the values that the program type knows", "", return_range},
    {"At {name} return the register R{num} *", "return-value", Culprit::result, "the callback may return a value that is not allowed", "0 to go on, 1 to stop", "return 0 or 1", "return 0;", return_range},
    {"At async callback the register R{num} *", "return-value", Culprit::result, "the callback may return a value that is not allowed", "0", "return 0", "return 0;", return_range},
    {"In {name} the register R{num} *", "return-value", Culprit::result, "the callback may return a value that is not allowed", "0", "return 0", "return 0;", return_range},
    {"R0 leaks addr as return value", "return-value", Culprit::result, "the program returns an address", "a number"},
    {"At subprogram exit the register R{num} is not a scalar value ({name})", "global-function", Culprit::result, "a global function returns {state}", "a number"},
    {"Note, BPF_LSM_CGROUP *", "return-value", Culprit::none, "this LSM hook returns nothing: the program must return 1", "return 1", "", "return 1;"},
    {"LD_ABS is only allowed in functions that return 'int'.", "return-value", Culprit::none, "packet bytes are loaded the old way in a function that does not return int", "a function that returns int", "read the packet by bpf_skb_load_bytes()", "bpf_skb_load_bytes(skb, off, &value, sizeof(value));"},
    // Instructions.
    {"unreachable insn {num}", "unreachable-code", Culprit::none, "instruction {1} cannot be reached", "a program without dead instructions", "the compiler leaves none; in assembly remove it, or jump to it", "", at_slot},
    {"unknown opcode {num}", "invalid-instruction", Culprit::none, "the kernel does not know the instruction {1}", "instructions that this kernel knows", "compile for an older instruction set", "clang -target bpf -mcpu=v2   /* v3 needs Linux 5.12, v4 6.6 */", at_slot},
    {"invalid BPF_{name} opcode *", "invalid-instruction", Culprit::none, "the kernel does not know this instruction", "instructions that this kernel knows", "compile for an older instruction set", "clang -target bpf -mcpu=v2   /* v3 needs Linux 5.12, v4 6.6 */"},
    {"BPF_{name} uses reserved fields", "invalid-instruction", Culprit::none, "an instruction has something in a field that must be 0", "valid instructions", "if the compiler made it: this kernel is older than the instruction set; compile with a lower -mcpu", "clang -target bpf -mcpu=v2"},
    {"*uses reserved fields", "invalid-instruction", Culprit::none, "an instruction has something in a field that must be 0", "valid instructions", "if the compiler made it: this kernel is older than the instruction set; compile with a lower -mcpu", "clang -target bpf -mcpu=v2"},
    {"jump out of range from insn {num} to {num}", "invalid-instruction", Culprit::none, "instruction {1} jumps out of the function, to {2}", "jumps inside of one function", "", "", at_slot},
    {"jump into the middle of ldimm64 insn {num}", "invalid-instruction", Culprit::none, "a jump goes into the middle of instruction {1}", "jumps to the start of instructions", "", "", at_slot},
    {"last insn is not an exit or jmp", "invalid-instruction", Culprit::none, "the program (or a function) runs over its end", "exit as the last instruction", "return from every function; a function without a return, or ending in a call, compiles to this"},
    {"div by zero", "invalid-instruction", Culprit::none, "this divides by the constant 0", "another divisor"},
    {"invalid shift {num}", "invalid-instruction", Culprit::none, "this shifts by {1}, more than the register is wide", "0 to 63 (0 to 31 in 32 bits)"},
    {"invalid bpf_ld_imm64 insn", "invalid-instruction", Culprit::none, "a 64-bit constant is not encoded correctly", "two slots"},
    {"fd {num} is not pointing to valid bpf_map", "invalid-instruction", Culprit::none, "the program names a map by a descriptor that is none", "descriptors of maps that are open", "create the maps before the program, and keep them open"},
    {"no subprog starting at insn {num}", "invalid-instruction", Culprit::none, "a call goes to no function", "calls to functions", "", "", at_slot},
    {"loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN", "privileges", Culprit::none, "functions may only be called by programs loaded with CAP_BPF", "CAP_BPF", "load as root or with CAP_BPF, or inline all functions", "static __always_inline int f(...)"},
    {"'struct bpf_array' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN", "privileges", Culprit::none, "this needs CAP_PERFMON", "CAP_PERFMON"},
    {"* allowed only to CAP_*", "privileges", Culprit::none, "the task lacks a capability for this", "the capability that the reason names"},
    {"* is allowed for CAP_*", "privileges", Culprit::none, "the task lacks a capability for this", "the capability that the reason names"},
    // Types, kernel symbols, attach points.
    {"ldimm64 failed to find the address for kernel symbol '{name}'.", "bad-btf", Culprit::none, "the kernel has no variable {1}", "a kernel that has it", "declare it __weak and test its address first", "extern const int name __ksym __weak;\nif (&name)\n    /* use it */;"},
    {"pseudo btf_id {num} in ldimm64 isn't KIND_VAR.", "bad-btf", Culprit::none, "type {1} is no variable of the kernel", "a variable"},
    {"invalid btf_id {num}", "bad-btf", Culprit::none, "the kernel's types have no number {1}", "types of the running kernel", "the object was prepared for another kernel: load it through libbpf on this one"},
    {"invalid kernel function btf_id {num}", "bad-btf", Culprit::none, "the kernel's types have no function {1}", "types of the running kernel"},
    {"number of funcs in func_info doesn't match number of subprogs", "bad-btf", Culprit::none, "the object's BTF does not describe each of its functions", ".BTF.ext that fits the code", "compile with -g, and do not strip or edit the object"},
    {"missing btf func_info", "bad-btf", Culprit::none, "this needs the types of the program's functions", "an object compiled with -g"},
    {"Invalid name*", "bad-btf", Culprit::none, "the object's BTF has a name that the kernel does not take", "valid BTF"},
    {"kernel btf_id {num} is not a function", "bad-btf", Culprit::none, "the attach point is not a function of the kernel", "the name of a kernel function"},
    {"attach_btf_id {num} points to disabled hook *", "attach-target", Culprit::none, "the kernel disables programs on this LSM hook", "another hook"},
    {"attach_btf_id {num} points to wrong type name *", "attach-target", Culprit::none, "the attach point is not of the kind that the section says", "another section name"},
    {"attach to unsupported member {name} of struct {name}", "attach-target", Culprit::none, "the kernel does not take programs for {2}.{1}", "another member"},
    {"{name} is not modifiable*", "attach-target", Culprit::none, "{1}() does not allow programs that change its result", "a function with error injection, or fentry, fexit instead of fmod_ret"},
    {"{name}() is not modifiable", "attach-target", Culprit::none, "{1}() does not allow programs that change its result", "a function with error injection, or fentry, fexit instead of fmod_ret"},
    {"{name} is not sleepable", "attach-target", Culprit::none, "{1} cannot run sleepable programs", "the section without .s, or another function"},
    {"Only fentry/fexit/fmod_ret, lsm, and *", "attach-target", Culprit::none, "this program type cannot be sleepable", "a section without .s, or of a type that may sleep"},
    // Global functions and exceptions.
    {"Caller passes invalid args into func#{num} ('{name}')", "global-function", Culprit::none, "{2}() is a global function, and what is passed does not fit its prototype", "arguments that fit: numbers, the context, or pointers to enough memory", "check pointers before the call; or make the function static, which is checked with its caller's values", "static __noinline int {2}(...)   /* not checked alone */"},
    {"Global function {name}() doesn't return scalar. Only those are supported.", "global-function", Culprit::none, "{1}() is a global function and does not return a number", "an int or other number as result", "make it static, or let it return a number", "static __noinline ..."},
    {"Global function {name}() *", "global-function", Culprit::none, "the global function {1}() cannot be checked alone", "", "make it static"},
    {"use static function instead", "global-function", Culprit::none, "this pointer cannot be given to a global function", "a static function", "make the function static: it is then checked with its caller's values", "static __noinline int f(...)"},
    {"Validating {name}() func#{num}...", "global-function", Culprit::none, "the global function {1}() cannot be checked alone", "a function that is safe for all arguments of its prototype's types"},
    {"arg#{arg} type {name} is not supported*", "global-function", Culprit::arg0, "an argument of a global function has a type that is not supported", "numbers, the context, pointers to structs"},
    {"exception cb *", "exception", Culprit::none, "the exception callback does not have the right prototype", "int cb(u64 cookie), global and not called directly"},
    {"multiple exception callback tags for main subprog", "exception", Culprit::none, "the program has several exception callbacks", "one"},
    {"bpf_throw *", "exception", Culprit::none, "bpf_throw() cannot be called here", "a call outside of callbacks, locks and sections"},
    {"insn {num} cannot call exception cb directly*", "exception", Culprit::none, "the exception callback is called like another function", "no direct call", "", "", at_slot},
};
// clang-format on

}  // namespace

std::span<const Rule> program_rules() { return rows; }

}  // namespace skep::verify
