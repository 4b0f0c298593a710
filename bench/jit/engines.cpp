// Loading a program on both sides of the seam and running it on each engine.
#include "bench/jit/engines.h"

#include <time.h>

#include <cstring>

#include "cli/compile.h"
#include "skep/isa/ops.h"
#include "skep/kernel/kernel.h"
#include "skep/object/parse.h"
#include "skep/uapi/calls.h"

namespace skep::bench {
namespace {

constexpr std::uint64_t budget = 1'000'000'000;
constexpr std::uint32_t filled = 1000;  // elements of a map; programs count on keys up to there

// A run over an Image starts from here every time.
void begin(image::RunContext& ctx) {
  ctx.tail_calls = 0;
  ctx.fault = nullptr;
  ctx.tail_target = nullptr;
  ctx.budget = budget;
}

double cpu_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

class Interpreter final : public Engine {
 public:
  Interpreter(runtime::Cpu& cpu, const Bench::Subject& subject, bool checked)
      : cpu_(cpu), subject_(subject), checked_(checked) {}
  Result<double> run(std::uint32_t count, std::uint32_t* r0) override {
    // Tail calls lead to the others.
    for (const auto& program : subject_.programs) program->image.trusted = !checked_;
    cpu_.ctx.regions = checked_ ? &cpu_.regions : nullptr;
    std::uint64_t result = 0;
    double start = cpu_ns();
    for (std::uint32_t i = 0; i < count; i++) {
      begin(cpu_.ctx);
      if (!cpu_.machine.run(subject_.programs[0]->image, cpu_.ctx, &result)) [[unlikely]]
        return fail(EFAULT, "{}: {}", subject_.name, cpu_.machine.fault().message());
    }
    *r0 = static_cast<std::uint32_t>(result);
    return (cpu_ns() - start) / count;
  }

 private:
  runtime::Cpu& cpu_;
  const Bench::Subject& subject_;
  bool checked_;
};

class Compiled final : public Engine {
 public:
  Compiled(runtime::Cpu& cpu, const Bench::Subject& subject, const std::vector<jit::Code>& codes)
      : cpu_(cpu), subject_(subject), codes_(codes) {}
  Result<double> run(std::uint32_t count, std::uint32_t* r0) override {
    cpu_.ctx.regions = nullptr;
    // Tail calls lead to the others, compiled alike.
    for (std::size_t i = 0; i < codes_.size(); i++) subject_.programs[i]->image.native = codes_[i].handle();
    std::uint64_t result = 0;
    double start = cpu_ns();
    for (std::uint32_t i = 0; i < count; i++) {
      begin(cpu_.ctx);
      if (!machine_.run(codes_[0], cpu_.ctx, &result)) [[unlikely]]
        return fail(EFAULT, "{}: {}", subject_.name, machine_.fault().message());
    }
    *r0 = static_cast<std::uint32_t>(result);
    return (cpu_ns() - start) / count;
  }

 private:
  runtime::Cpu& cpu_;
  const Bench::Subject& subject_;
  const std::vector<jit::Code>& codes_;
  jit::Machine machine_;
};

// The kernel's own clock: a call with repeat > 1 costs a millisecond by itself (the XDP dispatcher is patched
// for it), which the reported duration leaves out.
class KernelJit final : public Engine {
 public:
  KernelJit(uapi::Sys& sys, int fd, const Buffer& packet) : sys_(sys), fd_(fd), packet_(packet) {}
  Result<double> run(std::uint32_t count, std::uint32_t* r0) override {
    uapi::TestRun run;
    run.data_in = packet_;
    run.repeat = count;
    if (long error = uapi::test_run(sys_, fd_, run); error < 0)
      return fail(static_cast<int>(-error), "BPF_PROG_TEST_RUN");
    *r0 = run.retval;
    return run.duration_ns;
  }

 private:
  uapi::Sys& sys_;
  int fd_;
  const Buffer& packet_;
};

class Native final : public Engine {
 public:
  Native(runtime::Cpu& cpu, NativeFn fn) : cpu_(cpu), fn_(fn) {}
  Result<double> run(std::uint32_t count, std::uint32_t* r0) override {
    set_native_context(&cpu_.ctx);
    std::uint32_t result = 0;
    double start = cpu_ns();
    for (std::uint32_t i = 0; i < count; i++) result = fn_(&cpu_.xdp);
    *r0 = result;
    return (cpu_ns() - start) / count;
  }

 private:
  runtime::Cpu& cpu_;
  NativeFn fn_;
};

// Elements that the programs look for, the same on all sides. Keys of hash maps are spread over 32 bits.
Result<void> fill(uapi::Sys& sys, const object::Object& object) {
  for (const object::Map& map : object.maps()) {
    const object::MapSpec& spec = map.spec();
    if (spec.origin != object::MapOrigin::btf) continue;
    bool hash = spec.type == uapi::MapType::hash || spec.type == uapi::MapType::lru_hash;
    if (!hash && spec.type != uapi::MapType::array) continue;
    Buffer key(spec.key_size), value(spec.value_size);
    for (std::uint32_t i = 0; i < std::min(filled, spec.max_entries); i++) {
      base::store(key.data(), hash ? i * 0x9e3779b1 : i);
      base::store(value.data(), i * 2654435761U);
      long error = uapi::map_update(sys, map.fd(), key.data(), value.data());
      if (error < 0)
        return fail(static_cast<int>(-error), "map '{}': element {} of {}", spec.name, i, spec.max_entries);
    }
  }
  return {};
}

Result<object::Object> load_filled(uapi::Sys& sys, const object::ObjectSpec& spec) {
  object::ObjectSpec own = spec;
  object::Object object = TRY(object::load(sys, std::move(own), {}));
  TRY(fill(sys, object));
  return object;
}

Traits traits_of(const image::Image& image) {
  Traits traits;
  traits.insns = static_cast<std::uint32_t>(image.insts.size());
  for (const image::Inst& inst : image.insts) {
    isa::Operation operation = isa::ops()[inst.op].operation;
    if (operation == isa::Operation::call_helper) traits.calls_helpers = traits.calls = true;
    if (operation == isa::Operation::call_local) traits.calls = true;
  }
  return traits;
}

}  // namespace

Result<std::unique_ptr<Bench>> Bench::create(bool with_kernel) {
  std::unique_ptr<Bench> bench(new Bench);
  bench->runtime_ = TRY(runtime::Runtime::create({.verify = false}));
  bench->sys_ = std::make_unique<runtime::RuntimeSys>(*bench->runtime_);
  bench->lease_ = std::make_unique<runtime::Lease>(bench->runtime_->state(), 0);
  runtime::Cpu& cpu = bench->cpu();
  if (cpu.prepare() < 0) return fail(ENOMEM, "no memory below 4 GiB for the packet");
  image::Packet& packet = cpu.ctx.packet;
  packet.head = cpu.memory;
  packet.limit = packet.head + runtime::frame_bytes - runtime::frame_tailroom;
  packet.meta = packet.data = packet.head + runtime::xdp_headroom;
  packet.data_end = packet.data + bench->packet_.size();
  std::memcpy(packet.data, bench->packet_.data(), bench->packet_.size());
  cpu.is_xdp = true;
  cpu.xdp.ingress_ifindex = 1;
  cpu.ctx.context = &cpu.xdp;
  cpu.ctx.context_size = sizeof cpu.xdp;
  cpu.ctx.inputs = bench->runtime_->state().inputs.load();

  if (!with_kernel) {
    bench->kernel_absent_ = "not asked for";
    return bench;
  }
  bench->kernel_ = std::make_unique<kernel::Kernel>();
  uapi::MapCreate array{.type = uapi::MapType::array, .key_size = 4, .value_size = 4, .max_entries = 1};
  if (auto made = uapi::map_create(*bench->kernel_, array); !made) {
    bench->kernel_absent_ = made.error().message;
    bench->kernel_.reset();
  }
  return bench;
}

void Bench::enter(const Subject& subject) {
  runtime::Cpu& cpu = this->cpu();
  cpu.enter(*subject.programs[0]);
  cpu.packet_changed();
}

Result<std::unique_ptr<Bench::Subject>> Bench::open(const std::string& name) {
  std::string path = SKEP_SOURCE_DIR "/bench/programs/" + name + ".c";
  Buffer bytes = TRY(cli::read_object(path));
  Diagnostics warnings;
  object::OpenOptions options;
  options.name = name;
  object::ObjectSpec spec = TRY(object::parse(bytes, options, warnings));

  auto subject = std::make_unique<Subject>();
  subject->name = name;
  subject->objects.reserve(3);
  object::Object loaded_here = TRY(load_filled(*sys_, spec));
  subject->objects.push_back(std::move(loaded_here));
  // The program of the file's name first; others are reached by tail calls.
  for (const object::Program& program : subject->objects[0].programs()) {
    uapi::ProgInfo info = TRY(uapi::prog_info(*sys_, program.fd()));
    auto found = runtime_->state().progs.find(info.id);
    subject->programs.push_back(found);
    if (program.name() == name) std::swap(subject->programs.front(), subject->programs.back());
  }
  if (subject->programs.empty() || subject->programs[0]->image.functions[0].name != name)
    return fail(ENOENT, "{}: no program '{}'", path, name);
  for (const auto& program : subject->programs) {
    Traits traits = traits_of(program->image);
    subject->traits.insns += traits.insns;
    subject->traits.calls |= traits.calls;
    subject->traits.calls_helpers |= traits.calls_helpers;
  }
  auto at = [&](EngineId id) -> std::unique_ptr<Engine>& {
    return subject->engines[static_cast<std::size_t>(id)];
  };
  at(EngineId::checked) = std::make_unique<Interpreter>(cpu(), *subject, true);
  at(EngineId::unchecked) = std::make_unique<Interpreter>(cpu(), *subject, false);

  for (const auto& program : subject->programs) {
    program->image.trusted = true;
    jit::Code code = TRY(jit::compile(program->image));
    subject->traits.code_bytes += code.bytes().size();
    subject->codes.push_back(std::move(code));
    jit::Code cancellable = TRY(jit::compile(program->image, {.cancellable = true}));
    subject->cancellable.push_back(std::move(cancellable));
  }
  at(EngineId::jit) = std::make_unique<Compiled>(cpu(), *subject, subject->codes);
  // Trusted for the compiler alone: the checked interpreter needs the regions of a program without a verdict.
  for (const auto& program : subject->programs) program->image.trusted = false;
  at(EngineId::cancellable) = std::make_unique<Compiled>(cpu(), *subject, subject->cancellable);

  // Maps of its own: state that one engine leaves must not help the next.
  if (NativeFn native = find_native(name)) {
    object::Object own = TRY(load_filled(*sys_, spec));
    subject->objects.push_back(std::move(own));
    TRY(connect_native(name, subject->objects.back(), *runtime_));
    at(EngineId::native) = std::make_unique<Native>(cpu(), native);
  }
  if (kernel_) {
    auto loaded = load_filled(*kernel_, spec);
    if (!loaded) return fail(loaded.error().code, "{}: kernel: {}", name, loaded.error().message);
    subject->objects.push_back(std::move(*loaded));
    int fd = subject->objects.back().program(name)->fd();
    at(EngineId::kernel) = std::make_unique<KernelJit>(*kernel_, fd, packet_);
    for (const object::Program& program : subject->objects.back().programs()) {
      uapi::ProgInfo info = TRY(uapi::prog_info(*kernel_, program.fd()));
      subject->traits.kernel_code_bytes += info.jited_prog_len;
    }
  }

  enter(*subject);
  std::uint32_t r0;
  TRY(at(EngineId::checked)->run(1, &r0));
  subject->traits.executed = budget - cpu().ctx.budget;
  return subject;
}

}  // namespace skep::bench
