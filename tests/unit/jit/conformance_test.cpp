// The bpf_conformance suite, compiled in every way that there is.
#include "tests/support/conformance.h"

#include "engines.h"

namespace skep::jit::testing {
namespace {

TEST(Conformance, all_programs_of_the_suite) {
  conformance::run_suite([](conformance::Prepared& test, std::uint64_t* r0) -> std::string {
    test.image->trusted = true;
    std::uint64_t first = 0;
    for (const Way& way : ways()) {
      std::vector<std::uint8_t> memory = test.memory;
      image::RunContext ctx;
      const Arguments arguments{memory.empty() ? 0 : reinterpret_cast<std::uint64_t>(memory.data()),
                                memory.size()};
      Outcome out = run_jit(*test.image, ctx, arguments, way.options);
      if (!out.done) return std::string(way.name) + ": " + out.fault;
      if (&way == ways().data()) first = out.r0;
      if (out.r0 != first) return std::string(way.name) + ": another result than " + ways()[0].name;
      *r0 = out.r0;
    }
    return {};
  });
}

}  // namespace
}  // namespace skep::jit::testing
