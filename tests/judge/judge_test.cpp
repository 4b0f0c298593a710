// Every program of tests/programs and of the examples, over every Ethernet capture of the reference data and
// generated odd packets, in the kernel and in the runtime. Needs clang to compile and the kernel's
// privileges; skips without.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "cli/compile.h"
#include "cli/verdicts.h"
#include "skep/kernel/kernel.h"
#include "skep/net/capture.h"
#include "skep/net/generate.h"
#include "skep/object/parse.h"
#include "skep/runtime/runtime.h"
#include "skep/uapi/calls.h"
#include "tests/judge/judge.h"

namespace skep::judge {
namespace {

std::vector<std::string> list_files(const std::string& folder) {
  std::vector<std::string> out;
  if (DIR* dir = ::opendir(folder.c_str())) {
    while (const dirent* entry = ::readdir(dir))
      if (entry->d_name[0] != '.') out.push_back(folder + "/" + entry->d_name);
    ::closedir(dir);
  }
  std::ranges::sort(out);
  return out;
}

bool may_load_into_kernel() {
  kernel::Kernel kernel;
  uapi::MapCreate array{.type = uapi::MapType::array, .key_size = 4, .value_size = 4, .max_entries = 1};
  return ::geteuid() == 0 && uapi::map_create(kernel, array).has_value();
}

struct Named {
  std::string name;
  Buffer bytes;
};

// Appends the Ethernet packets of a capture; what is no capture (ORIGIN.md and the like) has none.
void read_packets(const std::string& file, std::vector<Named>& out) {
  auto capture = net::CaptureReader::open(file);
  if (!capture) return;
  net::Packet packet;
  for (;;) {
    auto more = capture->next(packet);
    if (!more || !*more) break;
    if (packet.link != net::LinkType::ethernet) continue;
    out.push_back({fmt::format("{} packet {}", file.substr(file.rfind('/') + 1), packet.number),
                   Buffer(packet.data.begin(), packet.data.end())});
  }
}

// What every program is judged by: all Ethernet packets of the captures, then odd ones.
const std::vector<Named>& packets() {
  static const std::vector<Named> all = [] {
    std::vector<Named> out;
    for (const std::string& file : list_files(SKEP_DATA_DIR "/captures")) read_packets(file, out);
    net::OddPacketGenerator odd(2026);
    for (int i = 0; i < 20000; i++) {
      Bytes bytes = odd.next().data;
      out.push_back({fmt::format("odd packet {}", i), Buffer(bytes.begin(), bytes.end())});
    }
    return out;
  }();
  return all;
}

// Whether the file ends so and lies beside the program.
std::vector<std::string> beside(const std::string& program, std::string_view ending) {
  std::vector<std::string> out;
  for (const std::string& file : list_files(program.substr(0, program.rfind('/'))))
    if (file.ends_with(ending)) out.push_back(file);
  return out;
}

std::vector<std::string> programs() {
  std::vector<std::string> out;
  for (const std::string& example : list_files(SKEP_SOURCE_DIR "/examples"))
    for (const std::string& file : beside(example + "/", ".bpf.c")) out.push_back(file);
  for (const std::string& file : beside(SKEP_SOURCE_DIR "/tests/programs/", ".bpf.c")) out.push_back(file);
  return out;
}

// An example brings its map contents and its captures; a program of tests/programs may have a batch file of
// its name.
bool is_example(const std::string& program) { return program.starts_with(SKEP_SOURCE_DIR "/examples/"); }

std::string batch_of(const std::string& program) {
  if (is_example(program)) {
    std::vector<std::string> files = beside(program, ".batch");
    return files.empty() ? "" : files[0];
  }
  std::string file = program.substr(0, program.size() - std::string_view(".bpf.c").size()) + ".batch";
  return ::access(file.c_str(), R_OK) == 0 ? file : "";
}

// What the program is given as context: the same bytes on both sides.
Buffer context_for(uapi::ProgType type, std::size_t packet_bytes, std::uint32_t number) {
  if (type == uapi::ProgType::xdp) {  // struct xdp_md; a third of the packets carry 8 bytes of metadata
    std::uint32_t meta = number % 3 == 0 && packet_bytes >= 14 + 8 ? 8 : 0;
    Buffer out(24);
    base::store(out.data(), meta);                                          // data
    base::store(out.data() + 4, static_cast<std::uint32_t>(packet_bytes));  // data_end
    return out;
  }
  if (type == uapi::ProgType::flow_dissector) {  // struct bpf_flow_keys: flags alone may be given
    Buffer out(56);
    base::store(out.data() + 48, number % 8);
    return out;
  }
  Buffer out(192);                           // struct __sk_buff
  base::store(out.data() + 8, number * 7);   // mark
  base::store(out.data() + 32, number % 8);  // priority
  for (std::size_t i = 0; i < 5; i++)
    base::store(out.data() + 48 + 4 * i, static_cast<std::uint32_t>(number + i));  // cb
  if (number % 4 == 1) {
    base::store(out.data() + 36, number);                        // ingress_ifindex
    base::store(out.data() + 152, std::uint64_t{number} << 20);  // tstamp
    base::store(out.data() + 160,
                static_cast<std::uint32_t>(packet_bytes) + number % 2000 - 200);  // wire_len
    base::store(out.data() + 164, number % 70000);                                // gso_segs
    base::store(out.data() + 184, std::uint64_t{number} * 1000003);               // hwtstamp
  }
  if (number % 16 == 2) base::store(out.data() + 176, number % 70000);  // gso_size
  if (number % 64 == 3) out[number % out.size()] = 1;                   // any byte: some are refused
  return out;
}

bool takes_context(uapi::ProgType type) {
  return type == uapi::ProgType::xdp || type == uapi::ProgType::sched_cls ||
         type == uapi::ProgType::sched_act || type == uapi::ProgType::cgroup_skb ||
         type == uapi::ProgType::socket_filter || type == uapi::ProgType::flow_dissector ||
         type == uapi::ProgType::lwt_in || type == uapi::ProgType::lwt_out ||
         type == uapi::ProgType::lwt_xmit;
}

constexpr std::size_t slice = 23;  // no divisor of what context_for() counts by

class JudgeTest : public testing::TestWithParam<std::string> {};

TEST_P(JudgeTest, both_sides_agree) {
  if (!may_load_into_kernel()) GTEST_SKIP() << "bpf(2) is not permitted here";
  auto object = cli::read_object(GetParam());
  if (!object && object.error().code == ENOENT) GTEST_SKIP() << object.error().message;
  ASSERT_TRUE(object) << object.error().message;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);

  Diagnostics warnings;
  object::OpenOptions options;
  options.name = cli::object_name(GetParam());
  auto spec = object::parse(*object, options, warnings);
  ASSERT_TRUE(spec) << spec.error().message;
  std::string batch = batch_of(GetParam());
  std::vector<Named> own;
  if (is_example(GetParam()))
    for (const std::string& file : beside(GetParam(), ".pcap")) read_packets(file, own);

  // All packets on what users get; a slice on the engines beside it.
  struct Engine {
    const char* name;
    runtime::Options options;
    std::size_t step;  // every so many packets
  };
  const Engine engines[] = {{"verified, JIT", {}, 1},
                            {"verified, interpreter", {.jit = false}, slice},
                            {"checked interpreter", {.verify = false}, slice}};
  for (const Engine& engine : engines) {
    SCOPED_TRACE(engine.name);
    auto runtime = runtime::Runtime::create(engine.options);
    ASSERT_TRUE(runtime) << runtime.error().message;
    runtime::RuntimeSys runtime_sys(**runtime);
    kernel::Kernel kernel_sys;
    Judgement total;
    std::size_t judged_programs = 0;
    for (const object::ProgramSpec& program : spec->programs) {
      if (!cli::takes_packets(program.type) || !program.autoload) continue;
      judged_programs++;
      auto kernel = Side::load(kernel_sys, *spec, program.name, batch);
      ASSERT_TRUE(kernel) << "kernel: " << kernel.error().message;
      auto ours = Side::load(runtime_sys, *spec, program.name, batch);
      ASSERT_TRUE(ours) << "runtime: " << ours.error().message << "\n" << runtime_sys.last_error();
      Judgement judgement;
      std::uint32_t number = 0;
      auto judge = [&](const Named& packet) {
        if (judgement.differences > 20 || number++ % engine.step != 0) return;
        Buffer context;
        if (takes_context(program.type)) context = context_for(program.type, packet.bytes.size(), number - 1);
        judge_packet(*kernel, *ours, packet.bytes, context, packet.name, judgement);
        if (judgement.differences) {
          std::string fault = runtime_sys.take_fault().value_or("");
          if (!fault.empty() && judgement.first.size() < 10) judgement.first.push_back("  fault: " + fault);
        }
      };
      std::ranges::for_each(own, judge);
      std::ranges::for_each(packets(), judge);
      judge_maps(*kernel, *ours, judgement);
      EXPECT_EQ(judgement.differences, 0u) << program.name;
      for (const std::string& line : judgement.first) ADD_FAILURE() << program.name << ": " << line;
      total.compared += judgement.compared;
      total.refused += judgement.refused;
    }
    EXPECT_GT(judged_programs, 0u);
    fmt::print("judge: {} ({}): {} packets compared, {} of them refused alike by both\n", options.name,
               engine.name, total.compared, total.refused);
  }
  ::sched_setaffinity(0, sizeof before, &before);
}

INSTANTIATE_TEST_SUITE_P(Programs, JudgeTest, testing::ValuesIn(programs()), [](const auto& info) {
  std::string name = cli::object_name(info.param);
  std::ranges::replace_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace skep::judge
