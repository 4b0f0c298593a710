// The bpf_conformance suite on the interpreter, checked and on trusted images.
#include "tests/support/conformance.h"

#include "runs.h"

namespace skep::vm::testing {
namespace {

TEST(Conformance, all_programs_of_the_suite) {
  Machine machine;
  conformance::run_suite([&](conformance::Prepared& test, std::uint64_t* r0) -> std::string {
    std::uint64_t first = 0;
    for (bool trusted : {false, true}) {
      test.image->trusted = trusted;
      std::vector<std::uint8_t> memory = test.memory;
      image::Regions regions;
      image::Region region;
      region.base = reinterpret_cast<std::uint64_t>(memory.data());
      region.size = memory.size();
      region.writable = true;
      region.name = "memory";
      if (!memory.empty()) regions.add(region);
      image::RunContext ctx;
      ctx.regions = &regions;
      if (!machine.call(*test.image, ctx, reinterpret_cast<std::uint64_t>(test.image->functions.data()),
                        {region.base, memory.size(), 0, 0, 0}, r0))
        return machine.fault().message();
      if (!trusted) first = *r0;
    }
    return first == *r0 ? "" : "checked and trusted runs differ";
  });
}

}  // namespace
}  // namespace skep::vm::testing
