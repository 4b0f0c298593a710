// Any text as a verifier log: it is read, followed and explained. Every category is one of the table's, and
// what is told about steps is about steps that are there.
#include "skep/base/check.h"
#include "skep/verify/explain.h"

using namespace skep;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const verify::Log log = verify::parse_log(text, {.steps = 4096, .messages = 64});
  check(log.steps.size() <= 4096 && log.messages.size() <= 64, "limits hold");
  for (const verify::LogStep& step : log.steps)
    check(step.source < static_cast<std::int32_t>(log.sources.size()), "a step's source is there");
  const verify::Explanation explanation = verify::explain(log, {.name = "prog", .type = uapi::ProgType::xdp});
  check(verify::find_category(explanation.category->id) == explanation.category,
        "the category is in the table");
  check(!explanation.reason.empty() || log.messages.empty(), "a message is the reason");
  check(explanation.reason.empty() || !log.messages.empty() || log.report,
        "without a message only a report gives a reason");
  check(explanation.path.size() <= 16, "the path stays readable");
  return 0;
}
