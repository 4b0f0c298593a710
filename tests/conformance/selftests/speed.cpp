#include "tests/conformance/selftests/speed.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "skep/kernel/kernel.h"

namespace skep::selftests {
namespace {

constexpr std::uint64_t small_insns = 20;
constexpr double most_time = 0.4, most_insns = 1.05, most_small_us = 10;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

struct Timed {
  double us = 0;
  verify::Verdict verdict;
};

Timed time_ours(const verify::Model& model) {
  verify::Options options;
  options.log_level = verify::log_level::stats;
  const auto begin = std::chrono::steady_clock::now();
  Timed timed{0, verify::verify(model, options)};
  timed.us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
  return timed;
}

// Reads each object once.
class Objects {
 public:
  explicit Objects(const TrialOptions& options) : options_(options) {}
  Result<const object::ObjectSpec*> get(const std::string& file) {
    if (file != file_) {
      spec_ = TRY(open_object(file, options_));
      file_ = file;
    }
    return &spec_;
  }

 private:
  const TrialOptions& options_;
  std::string file_;
  object::ObjectSpec spec_;
};

struct Row {
  std::uint64_t insns = 0, kernel_insns = 0, peak = 0;
  double us = 0, kernel_us = 0;
};

// A program that one side does not accept is an error that says which.
Result<Row> measure_one(const object::ObjectSpec& spec, const Record& record, const TrialOptions& trial,
                        const btf::Btf& types, unsigned rounds) {
  const runtime::Judged judged = TRY(judge(spec, record, trial, verify::log_level::stats));
  if (!judged.verdict.accepted) return fail(EINVAL, "ours rejects it: {}", judged.verdict.reason);
  Row row;
  row.insns = judged.verdict.stats.insns_processed;
  row.peak = judged.verdict.stats.peak_memory_bytes;
  std::vector<double> ours, kernels;
  for (unsigned round = 0; round < rounds; round++) {
    const KernelFigures figures = TRY(load_timed(spec, record, trial, types));
    row.kernel_insns = figures.insns;
    kernels.push_back(static_cast<double>(figures.microseconds));
    ours.push_back(time_ours(judged.model->model).us);
  }
  row.us = median(std::move(ours));
  row.kernel_us = median(std::move(kernels));
  return row;
}

double ratio(std::uint64_t a, std::uint64_t b) {
  return b ? static_cast<double>(a) / static_cast<double>(b) : 0;
}

bool print_large(std::span<const Record* const> sorted, const TrialOptions& trial, const btf::Btf& types,
                 const SpeedOptions& options, Objects& objects) {
  fmt::print("{:>9} {:>9} {:>6} {:>10} {:>10} {:>6} {:>9}  program\n", "insns", "kernel", "ratio", "ms",
             "kernel ms", "ratio", "peak MiB");
  Row total;
  double logs = 0;
  unsigned measured = 0;
  for (const Record* record : sorted) {
    if (measured == options.programs) break;
    Result<const object::ObjectSpec*> spec = objects.get(record->file);
    Result<Row> row =
        spec ? measure_one(**spec, *record, trial, types, options.rounds) : Failure(spec.error());
    if (!row || row->us <= 0 || row->kernel_us <= 0) {
      fmt::print("  {}/{} is left out: {}\n", record->file, record->prog,
                 row ? "no time was taken" : row.error().message);
      continue;
    }
    measured++;
    total.insns += row->insns;
    total.kernel_insns += row->kernel_insns;
    total.us += row->us;
    total.kernel_us += row->kernel_us;
    total.peak = std::max(total.peak, row->peak);
    logs += std::log(row->us / row->kernel_us);
    fmt::print("{:>9} {:>9} {:>6.3f} {:>10.3f} {:>10.3f} {:>6.3f} {:>9.2f}  {}/{}\n", row->insns,
               row->kernel_insns, ratio(row->insns, row->kernel_insns), row->us / 1e3, row->kernel_us / 1e3,
               row->us / row->kernel_us, static_cast<double>(row->peak) / (1 << 20), record->file,
               record->prog);
    std::fflush(stdout);
  }
  if (measured == 0) return false;
  const double insns = ratio(total.insns, total.kernel_insns), time = total.us / total.kernel_us;
  fmt::print(
      "{} programs: {} instructions, the kernel {} ({:.3f}); {:.1f} ms, the kernel {:.1f} ms ({:.3f}; "
      "geometric mean {:.3f}); {:.2f} million a second, the kernel {:.2f}; most memory {:.1f} MiB\n",
      measured, total.insns, total.kernel_insns, insns, total.us / 1e3, total.kernel_us / 1e3, time,
      std::exp(logs / measured), static_cast<double>(total.insns) / total.us,
      static_cast<double>(total.kernel_insns) / total.kernel_us, static_cast<double>(total.peak) / (1 << 20));
  return measured == options.programs && insns <= most_insns && time <= most_time;
}

bool print_small(std::span<const Record> records, const TrialOptions& trial, const btf::Btf& types,
                 const SpeedOptions& options, Objects& objects) {
  std::vector<double> ours, kernels, insns;
  for (const Record& record : records) {
    if (!record.accepted() || record.insns == 0 || record.insns > small_insns) continue;
    Result<const object::ObjectSpec*> spec = objects.get(record.file);
    if (!spec) continue;
    Result<runtime::Judged> judged = judge(**spec, record, trial, verify::log_level::stats);
    if (!judged || !judged->verdict.accepted) continue;
    Result<KernelFigures> kernel = load_timed(**spec, record, trial, types);
    if (!kernel) continue;
    std::vector<double> times;
    for (unsigned round = 0; round < options.rounds; round++)
      times.push_back(time_ours(judged->model->model).us);
    ours.push_back(median(std::move(times)));
    kernels.push_back(static_cast<double>(kernel->microseconds));
    insns.push_back(static_cast<double>(record.insns));
  }
  const double us = median(ours);
  std::sort(ours.begin(), ours.end());
  if (ours.empty()) return false;
  fmt::print(
      "{} programs of at most {} instructions (median {:.0f}): median {:.2f} us, 90 % below {:.2f} us, most "
      "{:.2f} us; the kernel's median {:.0f} us\n",
      ours.size(), small_insns, median(std::move(insns)), us, ours[ours.size() * 9 / 10], ours.back(),
      median(std::move(kernels)));
  return us <= most_small_us;
}

}  // namespace

Result<bool> measure_speed(std::span<const Record> records, const TrialOptions& trial,
                           const SpeedOptions& options) {
  kernel::Kernel kernel;
  const base::Buffer bytes = TRY(kernel.kernel_btf(""));
  const btf::Btf types = TRY(btf::Btf::parse(bytes));
  std::vector<const Record*> sorted;
  for (const Record& record : records)
    if (record.accepted()) sorted.push_back(&record);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Record* a, const Record* b) { return a->insns > b->insns; });
  Objects objects(trial);
  const bool large = print_large(sorted, trial, types, options, objects);
  const bool small = print_small(records, trial, types, options, objects);
  return large && small;
}

}  // namespace skep::selftests
