// Comparing. The checked interpreter is what the others are held against: it alone cannot be led astray.
#include "compare.h"

#include <fmt/format.h>

namespace skep::oracle {

const char* volatile engine_at_work = "";

namespace {

// Addresses that nothing of this process has: an engine without checks faults there too, and harmlessly.
bool is_nowhere(std::uint64_t address) {
#if defined(__aarch64__)
  // The processor ignores the top byte of an address.
  address &= 0x00ff'ffff'ffff'ffff;
  constexpr std::uint64_t first_page = 4096, canonical_end = 0x000f'ffff'ffff'f000;
#else
  constexpr std::uint64_t first_page = 4096, canonical_end = 0x0000'7fff'ffff'f000;
#endif
  return address < first_page - 64 || (address > canonical_end && address < ~std::uint64_t{0} - 64);
}

}  // namespace

Result<Engines> make_engines(bool jit, bool kernel) {
  Engines engines;
  engines.here = TRY(InProcess::create());
  engines.there = TRY(InProcess::create());
  if (jit && !have_jit()) return fail(EOPNOTSUPP, "this build has no compiler for this machine");
  engines.jit = jit;
  if (kernel) engines.kernel = TRY(KernelEngine::create());
  return engines;
}

Judged judge(Engines& engines, const Case& c, const JudgeOptions& options) {
  Judged out;
  engine_at_work = "loader";
  if (Result<void> loaded = engines.here->load(c); !loaded) {
    out.verdict = Verdict::refused;
    out.text = loaded.error().message;
    return out;
  }
  engine_at_work = "checked interpreter";
  Outcome& checked = out.checked;
  engines.here->run(c, EngineKind::vm_checked, checked);
  if (checked.out_of_budget) {
    out.verdict = Verdict::endless;
    out.text = checked.message;
    return out;
  }
  // A wild program may make a number from an address, or read what it never wrote: then each engine is right,
  // and one without checks may take that number for an address.
  if (c.wild || options.suspect) {
    out.text = engines.here->find_chance(c);
    if (!out.text.empty()) {
      out.verdict = Verdict::chance;
      return out;
    }
  }
  auto disagree = [&](std::string_view engine, const std::string& how) {
    Outcome again;
    if (c.wild || options.suspect) {
      bool loaded = engines.there->load(c).has_value();
      if (loaded) engines.there->run(c, EngineKind::vm_checked, again);
      if (!loaded || !difference(checked, again).empty()) {
        out.verdict = Verdict::chance;
        out.text = "other results at other addresses";
        return;
      }
    }
    out.verdict = Verdict::disagreed;
    out.text = fmt::format("checked interpreter and {}: {}", engine, how);
  };
  Outcome other;
  auto run_jit = [&] {
    engine_at_work = "jit";
    // Golden files go through all ways of compiling, a seed through one.
    unsigned first = 0, count = 1;
    if (c.seed == 0)
      count = InProcess::variants;
    else if (c.seed % 10 < InProcess::variants)
      first = static_cast<unsigned>(c.seed % 10);
    for (unsigned variant = first; variant < first + count; variant++) {
      std::string engine = fmt::format("jit (variant {})", variant);
      Result<void> compiled = engines.here->compile(variant);
      if (!compiled) {
        disagree(engine, compiled.error().message);
        return false;
      }
      engines.here->run(c, EngineKind::jit, other);
      if (std::string how = difference(checked, other); !how.empty()) {
        disagree(engine, how);
        return false;
      }
    }
    return true;
  };
  if (checked.end == End::faulted) {
    out.verdict = Verdict::faulted;
    out.text = checked.message;
    if (!engines.jit || !checked.fault_in_memory || !is_nowhere(checked.fault_address)) return out;
    out.fault_compared = true;
    run_jit();
    return out;
  }
  engine_at_work = "loader";
  if (Result<void> loaded = engines.there->load(c); !loaded) {
    disagree("loader", loaded.error().message);
    return out;
  }
  engine_at_work = "unchecked interpreter";
  engines.there->run(c, EngineKind::vm_unchecked, other);
  if (std::string how = difference(checked, other); !how.empty()) {
    disagree("unchecked interpreter", how);
    return out;
  }
  if (engines.jit && !run_jit()) return out;
  if (engines.kernel && !c.wild) {
    engine_at_work = "kernel";
    if (engines.kernel->load(c, options.explain_refusals ? &out.kernel_refusal : nullptr)) {
      out.kernel_accepted = true;
      engines.kernel->run(c, other);
      if (std::string how = difference(checked, other); !how.empty()) disagree("kernel", how);
    }
  }
  return out;
}

}  // namespace skep::oracle
