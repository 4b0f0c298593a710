// Runs of compiled code: entering it, callbacks from helpers, and what ends a run early.
#include "skep/jit/jit.h"

#include <fmt/format.h>

#include <algorithm>

#include "skep/base/check.h"
#include "skep/image/limits.h"
#include "skep/jit/code.h"

#if defined(__linux__)
#include <ucontext.h>
#endif

namespace skep::jit {
namespace {

using image::RunContext;

// The innermost run of this thread, for recover().
thread_local State* running __attribute__((tls_model("initial-exec"))) = nullptr;

const std::atomic<bool> never{false};

std::uint64_t enter(State& state, const std::uint64_t* arguments, const void* entry) {
  const std::uint64_t outer_sp = state.exit_sp;
  const std::uint64_t r0 = state.code->enter(state.ctx, arguments, entry, &state);
  state.exit_sp = outer_sp;
  return r0;
}

// Where `callee`, one of the image's functions, begins.
const void* entry_of(const Code::Body& body, const image::Function* callee) {
  return body.at(body.native.entries[static_cast<std::size_t>(callee - body.image->functions.data())]);
}

void set_fault(State& state, FaultKind kind, std::uint64_t value) {
  if (state.fault_kind) return;
  state.fault_kind = static_cast<std::uint8_t>(kind);
  state.fault_value = value;
  state.fault_inst = image::Image::no_inst;  // the call that the run is in; found by who ends it
}

// RunContext::call_function. After a failure it answers 1, which ends the loops of helpers; RunContext::fault
// then makes the code behind the helper's call end, too.
std::uint64_t call_back(RunContext* ctx, image::FunctionValue function, std::uint64_t a1, std::uint64_t a2,
                        std::uint64_t a3, std::uint64_t a4, std::uint64_t a5) {
  State& state = *static_cast<State*>(ctx->engine);
  if (state.fault_kind) return 1;
  const Handle* code = state.code;
  const image::Image& image = *code->image;
  const image::Function* callee = image::find_function(image, function);
  if (!callee) set_fault(state, FaultKind::call, function);
  if (code->body->count_depth && state.depth + 1 >= image::max_frames)
    set_fault(state, FaultKind::call, fault_depth);
  if (code->body->cancellable && state.cancel->load(std::memory_order_relaxed))
    set_fault(state, FaultKind::cancelled, 0);
  std::uint64_t r0 = 1;
  if (!state.fault_kind) {
    const std::uint32_t depth = state.depth;
    state.depth += code->body->count_depth;
    const std::uint64_t arguments[5] = {a1, a2, a3, a4, a5};
    r0 = enter(state, arguments, entry_of(*code->body, callee));
    state.depth = depth;
    if (!state.fault_kind) {  // a failed run still has to say where
      state.code = code;
      ctx->image = &image;
    }
  }
  if (!state.fault_kind) return r0;
  if (!ctx->fault) ctx->fault = "a callback failed";
  return 1;
}

void describe(State& state) {
  const image::Image& image = *state.code->image;
  Fault& fault = state.fault;
  fault = {};
  fault.kind = static_cast<FaultKind>(state.fault_kind);
  fault.image = &image;
  fault.inst = state.fault_inst;
  fault.slot = fault.inst < image.slot_of.size() ? image.slot_of[fault.inst] : fault.inst;
  fault.value = state.fault_value;
  const isa::Class action =
      fault.inst < image.insts.size() ? isa::row(image.insts[fault.inst].op).action : isa::Class::exit;
  switch (fault.kind) {
    case FaultKind::none: break;
    case FaultKind::memory:
      fault.detail = fmt::format("access to memory that is not there, at {:#x}", fault.value);
      break;
    case FaultKind::call:
      if (fault.value == fault_depth)
        fault.detail = fmt::format("more than {} frames", image::max_frames);
      else if (fault.value == fault_not_compiled)
        fault.detail = "tail call into a program that is not compiled";
      else if (action == isa::Class::jump_indirect)
        fault.detail =
            fmt::format("the target is {:#x}, must be an instruction of this function", fault.value);
      else
        fault.detail = fmt::format("the target is {:#x}, must be a function of this program", fault.value);
      break;
    case FaultKind::helper: {
      const auto& insts = image.insts;
      std::string_view name = "helper";
      if (fault.inst < insts.size() &&
          (isa::row(insts[fault.inst].op).operation == isa::Operation::call_helper ||
           isa::row(insts[fault.inst].op).operation == isa::Operation::call_kfunc))
        name = reinterpret_cast<const image::CallTarget*>(insts[fault.inst].imm)->name;
      fault.detail = fmt::format("{}: {}", name, state.ctx->fault ? state.ctx->fault : "failed");
      break;
    }
    case FaultKind::instruction:
      fault.detail = "addr_space_cast needs an arena, this program has none";
      break;
    case FaultKind::cancelled: fault.detail = "the run was cancelled"; break;
  }
}

}  // namespace

std::string Fault::message() const {
  if (kind == FaultKind::none) return "no fault";
  std::string text = fmt::format("insn {}", slot);
  if (image)
    if (const image::Line* line = image->find_line(slot); line && !line->file.empty())
      text += fmt::format(" ({}:{})", line->file, line->line);
  return text + ": " + detail;
}

Machine::Machine() : state_(std::make_unique<State>()) {}
Machine::~Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;

const Fault& Machine::fault() const { return state_->fault; }

// The whole run, from the native address `entry` on.
static bool start(State& state, const Handle& handle, RunContext& ctx, const void* entry,
                  const std::uint64_t* arguments, std::uint64_t* r0) {
  check(!state.running, "one Machine runs one program at a time");
  check(handle.enter != nullptr, "this machine's code");
  state.running = true;
  state.fault_kind = 0;
  state.depth = 0;
  state.code = &handle;
  state.cancel = ctx.cancel ? ctx.cancel : &never;
  state.ctx = &ctx;
  state.outer = running;
  ctx.image = handle.image;
  ctx.tail_target = nullptr;
  ctx.fault = nullptr;
  ctx.engine = &state;
  ctx.call_function = call_back;
  running = &state;
  const std::uint64_t result = handle.enter(&ctx, arguments, entry, &state);
  running = state.outer;
  const bool done = state.fault_kind == 0;
  if (done)
    *r0 = result;
  else
    describe(state);
  ctx.image = handle.image;
  ctx.engine = nullptr;
  ctx.call_function = nullptr;
  state.running = false;
  return done;
}

bool Machine::run(const Code& code, RunContext& ctx, std::uint64_t* r0) {
  const Handle& handle = code.body().handle;
  const Arguments arguments = {reinterpret_cast<std::uint64_t>(ctx.context)};
  return start(*state_, handle, ctx, handle.first, arguments.data(), r0);
}

bool Machine::call(const Code& code, RunContext& ctx, image::FunctionValue function,
                   const Arguments& arguments, std::uint64_t* r0) {
  const Code::Body& body = code.body();
  const image::Function* callee = image::find_function(*body.image, function);
  check(callee != nullptr, "the entry is a function of the image");
  return start(*state_, body.handle, ctx, entry_of(body, callee), arguments.data(), r0);
}

const void* resolve_callx(RunContext* ctx, std::uint64_t value, const image::CallTarget** target) {
  State& state = *static_cast<State*>(ctx->engine);
  const Code::Body& body = *state.code->body;
  const image::Image& image = *state.code->image;
  *target = nullptr;
  if (const image::Function* function = image::find_function(image, value)) return entry_of(body, function);
  for (const auto& call : image.calls)
    if (call->number != 0 && call->number == value) *target = call.get();
  return nullptr;
}

const std::uint8_t* find_packet_bytes(RunContext* ctx, std::int32_t offset, std::uint32_t count) {
  return image::packet_bytes(ctx->packet, offset, count);
}

bool recover(const void* address, void* context) {
  State* state = running;
  if (!state || !state->code) return false;
  const Code::Body& body = *state->code->body;
  auto* machine = &static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  // Register numbers of the instruction encoding, as the context orders them.
  static constexpr int registers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                        REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                        REG_R12, REG_R13, REG_R14, REG_R15};
  auto get_pc = [&] { return static_cast<std::uint64_t>(machine->gregs[REG_RIP]); };
  auto set_pc = [&](const void* to) { machine->gregs[REG_RIP] = reinterpret_cast<greg_t>(to); };
  auto clear = [&](unsigned reg) { machine->gregs[registers[reg]] = 0; };
#elif defined(__aarch64__)
  auto get_pc = [&] { return static_cast<std::uint64_t>(machine->pc); };
  auto set_pc = [&](const void* to) { machine->pc = reinterpret_cast<std::uint64_t>(to); };
  auto clear = [&](unsigned reg) { machine->regs[reg] = 0; };
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  const std::uint64_t at = get_pc() - reinterpret_cast<std::uint64_t>(body.memory.at());
  if (at >= body.memory.size()) return false;
  const auto offset = static_cast<std::uint32_t>(at);
  const auto& fixups = body.native.fixups;
  auto fixup = std::lower_bound(fixups.begin(), fixups.end(), offset,
                                [](const Fixup& f, std::uint32_t o) { return f.at < o; });
  if (fixup != fixups.end() && fixup->at == offset) {
    if (fixup->target != Fixup::no_target) clear(fixup->target);
    set_pc(body.at(fixup->resume));
    return true;
  }
  const auto& places = body.native.places;
  auto after = std::upper_bound(places.begin(), places.end(), offset,
                                [](std::uint32_t o, const Place& place) { return o < place.offset; });
  if (after == places.begin() || std::prev(after)->inst == image::Image::no_inst) return false;
  state->fault_kind = static_cast<std::uint8_t>(FaultKind::memory);
  state->fault_inst = std::prev(after)->inst;
  state->fault_value = reinterpret_cast<std::uint64_t>(address);
  set_pc(body.at(body.native.leave));
  return true;
#else
  static_cast<void>(address), static_cast<void>(machine), static_cast<void>(body);
  return false;
#endif
}

}  // namespace skep::jit
