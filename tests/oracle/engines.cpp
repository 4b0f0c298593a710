// Running a case on each engine.
#include "engines.h"

#include <sched.h>

#include <optional>

#include "skep/kernel/kernel.h"
#include "skep/runtime/cpu.h"
#include "skep/runtime/inputs.h"
#include "skep/runtime/runtime.h"
#include "skep/runtime/state.h"
#include "skep/vm/dispatch.h"
#if SKEP_HAVE_JIT
#include "skep/jit/jit.h"
#endif

namespace skep::oracle {
namespace {

// A case runs a few thousand instructions; what runs longer does not end.
constexpr std::uint64_t budget = 200'000;
constexpr std::uint64_t random_seed = 0x5eed;

// Watches a checked run for arithmetic on addresses, and for stack that is read before it is written. A value
// counts as an address when it lies in memory of the run (or names a map or function): a number that happens
// to is taken for one as well, which costs a comparison and nothing else.
class ChanceProbe : public vm::NoProbe {
 public:
  static constexpr bool active = true;
  explicit ChanceProbe(const vm::State& state, const image::RunContext& ctx) : state_(state), ctx_(ctx) {}

  bool on_insn(const image::Image& image, std::uint32_t inst, vm::Registers& registers) {
    bool other = image_ && image_ != &image;  // after a tail call the frame is a fresh one
    image_ = &image;
    frame_ = registers.r[10] - stacks();  // the end of its stack
    if (frame_ < last_frame_ || (other && inst == 0)) forget_frame();
    last_frame_ = frame_;
    const image::Inst& i = image.insts[inst];
    const isa::Op& op = isa::row(i.op);
    const std::uint64_t* r = registers.r;
    switch (op.action) {
      case isa::Class::alu: {
        bool dst_counts = op.operation != isa::Operation::mov && is_address(r[i.dst]);
        bool src_counts = op.source == isa::Source::reg && is_address(r[i.src]);
        bool moves = op.width == 64 && op.sign_from == 0 &&
                     (op.operation == isa::Operation::mov || op.operation == isa::Operation::add ||
                      op.operation == isa::Operation::sub);
        if ((dst_counts || src_counts) && !moves) find("arithmetic on an address");
        if (dst_counts && src_counts) find("arithmetic on two addresses");
        break;
      }
      case isa::Class::endian:
        if (is_address(r[i.dst])) find("an address swapped");
        break;
      case isa::Class::jump_if: {
        bool null_check = op.source == isa::Source::imm && i.imm == 0 && op.width == 64 &&
                          (op.operation == isa::Operation::eq || op.operation == isa::Operation::ne);
        bool of_packet = in_packet(r[i.dst]) && op.source == isa::Source::reg && in_packet(r[i.src]);
        if (!null_check && !of_packet &&
            (is_address(r[i.dst]) || (op.source == isa::Source::reg && is_address(r[i.src]))))
          find("a comparison of addresses");
        break;
      }
      case isa::Class::store:
      case isa::Class::store_release:
      case isa::Class::atomic:
        // A pointer may be spilled, and comes back whole: on_load() sees to that.
        if (is_address(r[i.src]) && !(op.action == isa::Class::store && op.width == 64 &&
                                      on_stack(r[i.dst] + static_cast<std::uint64_t>(std::int64_t{i.off}))))
          find("an address as a number");
        other_cell(r[i.dst], i.off);
        break;
      case isa::Class::exit:
        if (is_address(r[0])) find("an address as the result");
        forget_frame();
        break;
      case isa::Class::packet_indirect:
        if (is_address(r[i.src])) find("an address as a number");
        break;
      case isa::Class::load:
      case isa::Class::load_acquire: other_cell(r[i.src], i.off); break;
      case isa::Class::store_imm: other_cell(r[i.dst], i.off); break;
      case isa::Class::packet_absolute:
      case isa::Class::load_imm64:
      case isa::Class::jump:
      case isa::Class::jump_indirect:
      case isa::Class::may_goto:
      case isa::Class::addr_space_cast:
      case isa::Class::call: break;
    }
    return true;
  }
  // A part of an address that lies in memory.
  void on_load(const image::Image&, std::uint32_t, std::uint64_t address, unsigned bytes) {
    read_stack(address, bytes);
    if (bytes == 8 || in_context(address)) return;
    std::uint64_t word;
    std::memcpy(&word, reinterpret_cast<const void*>(address & ~std::uint64_t{7}), sizeof word);
    if (is_address(word)) find("a part of an address");
  }
  void on_store(const image::Image& image, std::uint32_t inst, std::uint64_t address, unsigned bytes) {
    const isa::Op& op = isa::row(image.insts[inst].op);
    if (op.action == isa::Class::atomic) read_stack(address, bytes);
    write_stack(address, bytes);
  }
  bool on_call(const image::Image&, std::uint32_t, const image::CallTarget& target,
               vm::Registers& registers) {
    // Arguments that are numbers, and buffers. Whether a helper fills the buffer it gets is not known before.
    if (target.helper)
      for (unsigned n = 0; n < 5; n++) {
        uapi::Arg arg = target.helper->args[n];
        std::uint64_t value = registers.r[n + 1];
        if (arg == uapi::Arg::map_key || arg == uapi::Arg::map_value) {
          const auto* map = reinterpret_cast<const image::MapDescriptor*>(registers.r[1]);
          read_stack(value, arg == uapi::Arg::map_key ? map->key_size : map->value_size);
        }
        if ((arg == uapi::Arg::mem || arg == uapi::Arg::mem_or_null) && n < 4)
          read_stack(value, registers.r[n + 2]);
        if ((arg == uapi::Arg::anything || arg == uapi::Arg::scalar || arg == uapi::Arg::size ||
             arg == uapi::Arg::size_or_zero) &&
            is_address(registers.r[n + 1]))
          find("an address as a number");
      }
    return false;
  }
  // Empty: nothing was found.
  const char* found() const { return found_; }

 private:
  void find(const char* what) {
    if (!*found_) found_ = what;
  }
  bool in_packet(std::uint64_t value) const {
    auto head = reinterpret_cast<std::uint64_t>(ctx_.packet.head);
    return value - head < 0x20000;
  }
  bool in_context(std::uint64_t value) const {
    return value - reinterpret_cast<std::uint64_t>(ctx_.context) < ctx_.context_size;
  }
  // With room around, for what points a little beyond.
  bool is_address(std::uint64_t value) const {
    constexpr std::uint64_t around = 0x10000;
    auto near = [&](const void* at, std::uint64_t size) {
      return value - (reinterpret_cast<std::uint64_t>(at) - around) < size + 2 * around;
    };
    if (in_packet(value) || near(ctx_.context, ctx_.context_size)) return true;
    if (near(&state_, sizeof state_) || near(image_->functions.data(), 1)) return true;
    for (const image::MapDescriptor* map : image_->maps)
      if (near(map, sizeof *map)) return true;
    for (const image::Region& region : ctx_.regions->all())
      if (near(reinterpret_cast<const void*>(region.base), region.size)) return true;
    // Anything else up there is an address of this process.
    return value >> 40 == 0x7f || value >> 40 == 0x55 || value >> 40 == 0x56;
  }
  // From one element of a map into another one: which lies there is the map's affair.
  void other_cell(std::uint64_t base, std::int32_t off) {
    for (const image::Region& region : ctx_.regions->all()) {
      std::uint64_t from = base - region.base, to = from + static_cast<std::uint64_t>(std::int64_t{off});
      if (region.stride && from < region.size && from / region.stride != to / region.stride)
        find("another element of a map");
    }
  }
  // Stack that nobody wrote to since its frame began: zero in a checked run, anything elsewhere.
  std::uint64_t stacks() const { return reinterpret_cast<std::uint64_t>(state_.stacks); }
  bool on_stack(std::uint64_t address) const { return address - stacks() < sizeof written_; }
  void forget_frame() {
    for (std::uint64_t i = 0; i < vm::stack_bytes && i < frame_; i++) written_[frame_ - 1 - i] = false;
  }
  void write_stack(std::uint64_t address, std::uint64_t bytes) {
    for (std::uint64_t i = 0; i < bytes && address + i - stacks() < sizeof written_; i++)
      written_[address + i - stacks()] = true;
  }
  void read_stack(std::uint64_t address, std::uint64_t bytes) {
    for (std::uint64_t i = 0; i < bytes && address + i - stacks() < sizeof written_; i++)
      if (!written_[address + i - stacks()]) find("stack that was not written");
  }

  const vm::State& state_;
  const image::RunContext& ctx_;
  const image::Image* image_ = nullptr;
  bool written_[vm::max_frames * vm::stack_stride] = {};
  std::uint64_t frame_ = 0, last_frame_ = ~std::uint64_t{0};
  const char* found_ = "";
};

// Passes everything on to a Watch.
class WatchProbe : public vm::NoProbe {
 public:
  static constexpr bool active = true;
  WatchProbe(Watch& watch, const vm::State& state, const image::RunContext& ctx)
      : watch_(watch), state_(state), ctx_(ctx) {}
  bool on_insn(const image::Image& image, std::uint32_t inst, vm::Registers& registers) {
    return watch_.on_insn(image, inst, registers, state_, ctx_);
  }
  void on_branch(const image::Image& image, std::uint32_t inst, bool taken) {
    watch_.on_branch(image, inst, taken);
  }

 private:
  Watch& watch_;
  const vm::State& state_;
  const image::RunContext& ctx_;
};

}  // namespace

bool have_jit() {
#if SKEP_HAVE_JIT
  return true;
#else
  return false;
#endif
}

struct InProcess::Body final : runtime::Engine {
  std::unique_ptr<runtime::Runtime> owner;
  std::unique_ptr<runtime::RuntimeSys> sys;
  std::unique_ptr<Side> side;
  std::unique_ptr<image::Inputs> inputs;
  std::vector<std::shared_ptr<runtime::ProgObject>> loaded;
  vm::Machine probed;
#if SKEP_HAVE_JIT
  std::vector<jit::Code> codes;  // of the loaded programs
  jit::Machine native;
#endif

  EngineKind kind = EngineKind::vm_checked;
  Watch* watch = nullptr;
  bool find_chance = false;
  std::string chance;
  std::uint64_t result = 0;
  bool ran = false, ended = false;
  Outcome noted;  // the fault

  bool run(const runtime::ProgObject& prog, runtime::Cpu& cpu, std::uint64_t* r0) override {
    ran = true;
    ended = find_chance               ? run_for_chance(prog, cpu, r0)
            : watch != nullptr        ? run_watched(prog, cpu, r0)
            : kind == EngineKind::jit ? run_native(prog, cpu, r0)
                                      : run_vm(prog, cpu, r0);
    result = *r0;
    return ended;
  }
  std::string fault() const override { return noted.message; }

  bool run_vm(const runtime::ProgObject& prog, runtime::Cpu& cpu, std::uint64_t* r0) {
    // Without a verdict only the checked interpreter minds the regions.
    if (kind == EngineKind::vm_unchecked) cpu.ctx.regions = nullptr;
    bool done = cpu.machine.run(prog.image, cpu.ctx, r0);
    if (!done) note(cpu.machine.fault());
    return done;
  }
  template <class Probe>
  bool run_probed(const runtime::ProgObject& prog, runtime::Cpu& cpu, Probe& probe, std::uint64_t* r0) {
    vm::Arguments arguments{reinterpret_cast<std::uint64_t>(cpu.ctx.context)};
    bool done =
        vm::run_probed(probed, prog.image, cpu.ctx,
                       reinterpret_cast<std::uint64_t>(prog.image.functions.data()), arguments, 1, probe, r0);
    if (!done) note(probed.fault());
    return done;
  }
  bool run_for_chance(const runtime::ProgObject& prog, runtime::Cpu& cpu, std::uint64_t* r0) {
    ChanceProbe probe(probed.state(), cpu.ctx);
    const bool done = run_probed(prog, cpu, probe, r0);
    chance = probe.found();
    return done;
  }
  bool run_watched(const runtime::ProgObject& prog, runtime::Cpu& cpu, std::uint64_t* r0) {
    WatchProbe probe(*watch, probed.state(), cpu.ctx);
    return run_probed(prog, cpu, probe, r0);
  }
  bool run_native([[maybe_unused]] const runtime::ProgObject& prog, [[maybe_unused]] runtime::Cpu& cpu,
                  [[maybe_unused]] std::uint64_t* r0) {
#if SKEP_HAVE_JIT
    cpu.ctx.regions = nullptr;
    for (const jit::Code& code : codes)
      if (&code.image() == &prog.image) {
        bool done = native.run(code, cpu.ctx, r0);
        if (!done) note(native.fault());
        return done;
      }
#endif
    noted.message = "there is no machine code";
    return false;
  }

  unsigned number_of(const image::Image* image) const {
    for (unsigned i = 0; i < loaded.size(); i++)
      if (&loaded[i]->image == image) return i;
    return 0;
  }
  void note(const vm::Fault& fault) {
    noted.message = fault.message();
    noted.fault_program = number_of(fault.image);
    noted.fault_slot = fault.slot;
    noted.fault_address = fault.address;
    noted.fault_in_memory = fault.kind == vm::FaultKind::memory;
    noted.out_of_budget = fault.kind == vm::FaultKind::budget;
  }
#if SKEP_HAVE_JIT
  void note(const jit::Fault& fault) {
    noted.message = fault.message();
    noted.fault_program = number_of(fault.image);
    noted.fault_slot = fault.slot;
    noted.fault_address = fault.value;
    noted.fault_in_memory = fault.kind == jit::FaultKind::memory;
    noted.out_of_budget = false;
  }
#endif
};

InProcess::InProcess(std::unique_ptr<Body> body) : body_(std::move(body)) {}
InProcess::~InProcess() {
  body_->owner->state().engine = nullptr;
  body_->loaded.clear();
  body_->side.reset();
}

Result<std::unique_ptr<InProcess>> InProcess::create() {
  auto body = std::make_unique<Body>();
  runtime::Options options;
  options.possible_cpus = 1;
  options.deterministic = true;
  options.verify = false;  // whose programs may run on which engine is this test's affair
  options.budget = budget;
  body->owner = TRY(runtime::Runtime::create(options));
  body->sys = std::make_unique<runtime::RuntimeSys>(*body->owner);
  body->side = TRY(Side::create(*body->sys));
  body->owner->state().engine = body.get();
  return std::unique_ptr<InProcess>(new InProcess(std::move(body)));
}

Result<void> InProcess::load(const Case& c) {
  Body& b = *body_;
  b.loaded.clear();
#if SKEP_HAVE_JIT
  b.codes.clear();
#endif
  std::string log;
  if (Result<void> done = b.side->load(c, &log); !done)
    return fail(EINVAL, "{}: {}", done.error().message, log);
  for (const uapi::Handle& program : b.side->programs()) {
    auto info = TRY(uapi::prog_info(*b.sys, program.fd()));
    b.loaded.push_back(b.owner->state().progs.find(info.id));
  }
  return {};
}

Result<void> InProcess::compile([[maybe_unused]] unsigned variant) {
#if SKEP_HAVE_JIT
  jit::Options options;
  options.combine = variant != 1;
  options.inline_helpers = variant != 2 && variant != 5;
  options.blind_constants = variant == 3 || variant == 5;
  options.blind_seed = variant;
  if (variant == 4) options.features = jit::Features{};  // no processor has less
  options.cancellable = variant == 5;
  Body& b = *body_;
  b.codes.clear();
  b.codes.reserve(b.loaded.size());
  for (const auto& program : b.loaded) {
    program->image.trusted = true;
    b.codes.push_back(TRY(jit::compile(program->image, options)));
    program->image.native = b.codes.back().handle();
  }
  return {};
#else
  return fail(EOPNOTSUPP, "this build compiles nothing");
#endif
}

void InProcess::run(const Case& c, EngineKind kind, Outcome& out) {
  Body& b = *body_;
  for (const auto& program : b.loaded) program->image.trusted = kind != EngineKind::vm_checked;
  b.kind = kind;
  b.ran = b.ended = false;
  b.inputs = runtime::seeded_inputs(random_seed);
  b.owner->set_inputs(b.inputs.get());
  b.side->run(c, out);
  out.r0_is_whole = true;
  if (b.ended) out.r0 = b.result;
  if (!b.ran || b.ended) return;
  out.end = End::faulted;
  out.message = b.noted.message;
  out.fault_program = b.noted.fault_program;
  out.fault_slot = b.noted.fault_slot;
  out.fault_address = b.noted.fault_address;
  out.fault_in_memory = b.noted.fault_in_memory;
  out.out_of_budget = b.noted.out_of_budget;
}

std::string InProcess::find_chance(const Case& c) {
  Outcome out;
  body_->find_chance = true;
  body_->chance.clear();
  run(c, EngineKind::vm_checked, out);
  body_->find_chance = false;
  return body_->chance;
}

void InProcess::run_watched(const Case& c, Watch& watch, Outcome& out) {
  body_->watch = &watch;
  run(c, EngineKind::vm_checked, out);
  body_->watch = nullptr;
}

struct KernelEngine::Body {
  kernel::Kernel kernel;
  std::unique_ptr<Side> side;
};

KernelEngine::KernelEngine(std::unique_ptr<Body> body) : body_(std::move(body)) {}
KernelEngine::~KernelEngine() = default;

Result<std::unique_ptr<KernelEngine>> KernelEngine::create() {
  auto body = std::make_unique<Body>();
  body->side = TRY(Side::create(body->kernel));
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  if (sched_setaffinity(0, sizeof first, &first) != 0)
    return fail(errno, "the thread cannot be bound to CPU 0");
  return std::unique_ptr<KernelEngine>(new KernelEngine(std::move(body)));
}

bool KernelEngine::load(const Case& c, std::string* reason) {
  std::string log;
  Result<void> loaded = body_->side->load(c, reason ? &log : nullptr);
  if (loaded) return true;
  if (!reason) return false;
  // The last line before the statistics says why.
  *reason = loaded.error().message;
  std::size_t end = log.size();
  while (end > 0) {
    std::size_t begin = log.rfind('\n', end - 1);
    begin = begin == std::string::npos ? 0 : begin + 1;
    std::string line = log.substr(begin, end - begin);
    if (!line.empty() && !line.starts_with("processed ") && line[0] >= ' ') {
      *reason = line;
      break;
    }
    if (begin == 0) break;
    end = begin - 1;
  }
  return false;
}

void KernelEngine::run(const Case& c, Outcome& out) {
  out.r0_is_whole = false;
  body_->side->run(c, out);
}

}  // namespace skep::oracle
