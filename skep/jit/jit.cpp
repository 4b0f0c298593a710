// compile(): plan, back end, executable memory; and what a Code says about itself.
#include "skep/jit/jit.h"

#include <fmt/format.h>

#include <algorithm>

#include "skep/base/check.h"
#include "skep/jit/code.h"
#include "skep/jit/plan.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace skep::jit {

Target host_target() {
#if defined(__x86_64__)
  return Target::x86_64;
#elif defined(__aarch64__)
  return Target::arm64;
#else
  return Target::host;
#endif
}

Features host_features() {
  Features features;
#if defined(__x86_64__)
  features.bmi2 = __builtin_cpu_supports("bmi2");
  unsigned a = 1, b = 0, c = 0, d = 0;
  asm("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
  features.movbe = c >> 22 & 1;
#elif defined(__aarch64__)
  constexpr unsigned long hwcap_atomics = 1UL << 8;
  features.lse = getauxval(AT_HWCAP) & hwcap_atomics;
#endif
  return features;
}

Code::Code() = default;
Code::~Code() = default;
Code::Code(Code&&) noexcept = default;
Code& Code::operator=(Code&&) noexcept = default;
Code::Code(std::unique_ptr<Body> body) : body_(std::move(body)) {}

const image::Image& Code::image() const { return *body_->image; }
Target Code::target() const { return body_->target; }
Bytes Code::bytes() const { return {body_->memory.at(), body_->memory.size()}; }
std::uint32_t Code::entry(std::size_t index) const { return body_->native.entries[index]; }
std::uint32_t Code::native_of(std::uint32_t inst) const { return body_->native.offset_of[inst]; }
const void* Code::handle() const { return &body_->handle; }

std::uint32_t Code::inst_of(std::uint32_t offset) const {
  const auto& places = body_->native.places;
  auto after = std::upper_bound(places.begin(), places.end(), offset,
                                [](std::uint32_t o, const Place& place) { return o < place.offset; });
  return after == places.begin() ? image::Image::no_inst : std::prev(after)->inst;
}

std::optional<isa::Slot> Code::slot_of(std::uint32_t offset) const {
  const std::uint32_t inst = inst_of(offset);
  if (inst >= body_->image->slot_of.size()) return std::nullopt;
  return body_->image->slot_of[inst];
}

std::vector<Symbol> Code::symbols() const {
  std::vector<Symbol> symbols;
  const image::Image& image = *body_->image;
  const auto& entries = body_->native.entries;
  for (std::size_t f = 0; f < entries.size(); f++) {
    Symbol symbol;
    symbol.name = f == 0 ? fmt::format("bpf_prog_{}", image.name)
                         : fmt::format("bpf_prog_{}_{}", image.name, image.functions[f].name);
    // A line of the perf map ends with the name.
    for (char& c : symbol.name)
      if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) c = '_';
    const std::size_t end = f + 1 < entries.size() ? entries[f + 1] : body_->memory.size();
    symbol.at = body_->at(entries[f]);
    symbol.size = end - entries[f];
    symbols.push_back(std::move(symbol));
  }
  return symbols;
}

static Result<Native> translate(Target target, const image::Image& image, const Plan& plan,
                                const Options& options) {
  const Features features = options.features          ? *options.features
                            : target == host_target() ? host_features()
                                                      : Features{};
  switch (target) {
    case Target::x86_64: return compile_x86_64(image, plan, options, features);
    case Target::arm64: return compile_arm64(image, plan, options, features);
    case Target::host: break;
  }
  return fail(EOPNOTSUPP, "image '{}': this build has no compiler for the target machine", image.name);
}

Result<Code> compile(const image::Image& image, const Options& options) {
  if (!image.verified && !image.trusted)
    return fail(EACCES, "image '{}' carries no verdict: only verified programs are compiled", image.name);
  const Target target = options.target == Target::host ? host_target() : options.target;
  Plan plan = TRY(make_plan(image, options));
  auto body = std::make_unique<Code::Body>();
  plan.handle = &body->handle;
  body->native = TRY(translate(target, image, plan, options));
  body->memory = TRY(CodeMemory::create(body->native.bytes, target == host_target()));
  body->native.bytes = {};
  body->image = &image;
  body->target = target;
  body->cancellable = options.cancellable;
  body->count_depth = plan.count_depth;
  const std::uint32_t entry = body->native.tail_entry.value_or(body->native.entries[0]);
  body->handle.entry = body->at(entry);
  body->handle.entry_keeping = body->at(body->native.keeping_entry.value_or(entry));
  if (target == host_target()) {
    body->handle.enter = reinterpret_cast<decltype(Handle::enter)>(
        reinterpret_cast<std::uintptr_t>(body->at(body->native.enter)));
    body->handle.first = body->at(body->native.entries[0]);
  }
  body->handle.image = &image;
  body->handle.max_depth = plan.max_depth;
  body->handle.body = body.get();
  return Code(std::move(body));
}

}  // namespace skep::jit
