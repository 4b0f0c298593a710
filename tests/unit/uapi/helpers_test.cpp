// The helper table: its lookups, the header printed from it, and what the running kernel says to each row.
#include "skep/uapi/helpers.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "skep/uapi/attr.h"
#include "skep/uapi/helper_defs.h"
#include "skep/uapi/numbers.h"

namespace skep::uapi {
namespace {

TEST(Helpers, found_by_id_and_by_both_names) {
  for (const Helper& helper : helpers()) {
    EXPECT_EQ(find_helper(helper.id), &helper);
    EXPECT_EQ(find_helper(helper.name), &helper);
    EXPECT_EQ(find_helper("bpf_" + std::string(helper.name)), &helper);
  }
}

TEST(Helpers, unknown_ones_are_null) {
  EXPECT_EQ(find_helper(0u), nullptr);
  EXPECT_EQ(find_helper(212u), nullptr);
  EXPECT_EQ(find_helper(0xffffffffu), nullptr);
  for (const char* name : {"", "bpf_", "map_lookup", "map_lookup_elem2", "zzz", "bpf_bpf_loop"}) {
    EXPECT_EQ(find_helper(name), nullptr) << name;
  }
}

TEST(Helpers, some_rows_as_the_kernel_has_them) {
  const Helper* update = find_helper("map_update_elem");
  ASSERT_NE(update, nullptr);
  EXPECT_EQ(update->id, 2u);
  EXPECT_EQ(update->args, (std::array{Arg::map, Arg::map_key, Arg::map_value, Arg::anything, Arg::none}));
  EXPECT_EQ(update->since, 3 << 8 | 19);
  EXPECT_EQ(update->prototype,
            "long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)");
  const Helper* adjust = find_helper("xdp_adjust_head");
  ASSERT_NE(adjust, nullptr);
  EXPECT_TRUE(may_call(*adjust, ProgType::xdp));
  EXPECT_FALSE(may_call(*adjust, ProgType::sched_cls));
  EXPECT_EQ(adjust->traits, helper_changes_packet);
  EXPECT_TRUE(find_helper("ringbuf_reserve")->traits & helper_acquires);
  EXPECT_TRUE(find_helper("sk_release")->traits & helper_releases);
  EXPECT_TRUE(find_helper("trace_printk")->gpl_only);
}

TEST(Helpers, no_type_outside_the_table_may_call) {
  for (const Helper& helper : helpers()) {
    EXPECT_FALSE(may_call(helper, ProgType::unspec)) << helper.name;
    EXPECT_FALSE(may_call(helper, ProgType::ext)) << helper.name;
    EXPECT_FALSE(may_call(helper, static_cast<ProgType>(33))) << helper.name;
    EXPECT_FALSE(may_call(helper, static_cast<ProgType>(0xffffffff))) << helper.name;
  }
}

TEST(Helpers, forms_differ_where_a_type_has_no_such_context) {
  const Helper* option = find_helper("setsockopt");
  EXPECT_EQ(helper_form(*option, ProgType::sock_ops).args[0], Arg::context);
  EXPECT_EQ(helper_form(*option, ProgType::lsm).args[0], Arg::sock);
  const Helper* assign = find_helper("sk_assign");
  EXPECT_EQ(helper_form(*assign, ProgType::sched_cls).args[1], Arg::sock);
  EXPECT_EQ(helper_form(*assign, ProgType::sk_lookup).args[1], Arg::sock_or_null);
  const Helper* classid = find_helper("get_cgroup_classid");
  EXPECT_EQ(helper_form(*classid, ProgType::sched_cls).args[0], Arg::context);
  EXPECT_EQ(helper_form(*classid, ProgType::xdp).args[0], Arg::none);
  const Helper* lookup = find_helper("map_lookup_elem");
  EXPECT_EQ(helper_form(*lookup, static_cast<ProgType>(0xffffffff)).args, lookup->args);
}

TEST(Helpers, sizes_of_fixed_memory) {
  EXPECT_EQ(fixed_size_of(*find_helper("strtol"), 3), 8u);
  EXPECT_EQ(fixed_size_of(*find_helper("strtol"), 0), 0u);
  EXPECT_EQ(fixed_size_of(*find_helper("strtol"), 5), 0u);
  const Helper* v6 = find_helper("tcp_raw_check_syncookie_ipv6");
  EXPECT_EQ(fixed_size_of(*v6, 0), 40u);
  EXPECT_EQ(fixed_size_of(*v6, 1), 20u);
  const Helper* v4 = find_helper("tcp_raw_check_syncookie_ipv4");
  EXPECT_EQ(fixed_size_of(*v4, 0), 20u);
  EXPECT_EQ(fixed_size_of(*v4, 1), 20u);
}

// What the kernel checks and what the prototype declares are two sources; they agree but for two helpers,
// whose last arguments the kernel takes unchecked.
TEST(Helpers, as_many_arguments_as_the_prototype_declares) {
  for (const Helper& helper : helpers()) {
    std::string_view declared = helper.prototype.substr(helper.prototype.find('('));
    const auto commas = std::count(declared.begin(), declared.end(), ',');
    const auto want = declared == "(void)" ? 0 : commas + 1;
    const auto have = static_cast<std::ptrdiff_t>(helper.args.size()) -
                      std::count(helper.args.begin(), helper.args.end(), Arg::none);
    if (helper.name == "trace_printk" || helper.name == "get_branch_snapshot") {
      EXPECT_EQ(have + 1, want) << helper.name;
    } else {
      EXPECT_EQ(have, want) << helper.name;
    }
  }
}

TEST(HelperDefs, checked_in_header_is_what_the_table_prints) {
  const std::string path = std::string(SKEP_SOURCE_DIR) + "/skep/bpf/bpf_helper_defs.h";
  const std::string printed = print_helper_defs();
  if (std::getenv("BLESS") != nullptr) std::ofstream(path, std::ios::binary) << printed;
  std::ifstream file(path, std::ios::binary);
  const std::string stored{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(stored, printed) << "run the test with BLESS=1 to write " << path;
}

// ---- asking the running kernel

struct Insn {
  std::uint8_t code, regs;
  std::int16_t off;
  std::int32_t imm;
};

// A way of loading a program of some type: its mask bit is the union over these.
struct Way {
  ProgType type;
  std::uint32_t attach_type = 0, btf_id = 0, flags = 0;
};

struct Answer {
  bool loaded;
  int error;
  std::string log;
  bool says(const char* what) const { return log.find(what) != std::string::npos; }
  // The verifier looked at the call.
  bool asked() const { return loaded || !log.empty(); }
  bool unknown() const { return says("invalid func"); }
  bool refused() const { return says("cannot use helper") || says("unknown func"); }
};

Answer load_call(const Way& way, std::uint32_t helper, const char* licence) {
  constexpr std::uint8_t call = 0x85, exit = 0x95;
  const Insn program[] = {{call, 0, 0, static_cast<std::int32_t>(helper)}, {exit, 0, 0, 0}};
  std::string log(2048, '\0');
  ProgLoadAttr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.prog_type = static_cast<std::uint32_t>(way.type);
  attr.insn_cnt = 2;
  attr.insns = reinterpret_cast<std::uint64_t>(program);
  attr.license = reinterpret_cast<std::uint64_t>(licence);
  attr.log_level = 1;
  attr.log_size = static_cast<std::uint32_t>(log.size());
  attr.log_buf = reinterpret_cast<std::uint64_t>(log.data());
  attr.expected_attach_type = way.attach_type;
  attr.attach_btf_id = way.btf_id;
  attr.prog_flags = way.flags;
  const long fd =
      syscall(SYS_bpf, static_cast<int>(Command::prog_load), &attr, offsetof(ProgLoadAttr, fd_array_cnt));
  const int error = fd < 0 ? errno : 0;
  if (fd >= 0) close(static_cast<int>(fd));
  log.resize(std::strlen(log.c_str()));
  return {fd >= 0, error, std::move(log)};
}

// Type ids of the kernel's BTF by kind and name; enough of the format (Documentation/bpf/btf.rst) to walk it.
std::map<std::string, std::uint32_t> kernel_type_ids() {
  std::map<std::string, std::uint32_t> ids;
  std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
  const std::string btf{std::istreambuf_iterator<char>(file), {}};
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    if (at + 4 <= btf.size()) std::memcpy(&value, btf.data() + at, 4);
    return value;
  };
  if (btf.size() < 24) return ids;
  const std::size_t types = word(4) + word(8), strings = word(4) + word(16);
  std::uint32_t id = 1;
  for (std::size_t at = types; at < types + word(12) && at + 12 <= btf.size(); ++id) {
    const std::uint32_t name = word(at), info = word(at + 4), kind = info >> 24 & 31, count = info & 0xffff;
    constexpr std::uint32_t structs = 4, typedefs = 8, funcs = 12;
    if ((kind == structs || kind == typedefs || kind == funcs) && strings + name < btf.size()) {
      ids[std::to_string(kind) + " " + (btf.c_str() + strings + name)] = id;
    }
    constexpr std::uint8_t extra[20] = {0, 4, 0, 12, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 4, 12, 0, 4, 0, 12};
    constexpr std::uint32_t counted = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 13 | 1 << 15 | 1 << 19;
    at += 12 + (kind < 20 ? extra[kind] * ((counted >> kind & 1) != 0 ? count : 1u) : 0u);
  }
  return ids;
}

std::vector<Way> ways() {
  using P = ProgType;
  std::vector<Way> all;
  for (std::uint32_t type = 1; type <= static_cast<std::uint32_t>(P::netfilter); ++type) {
    const auto prog = static_cast<P>(type);
    // These need more than a number; they follow.
    if (prog == P::tracing || prog == P::struct_ops || prog == P::ext || prog == P::lsm) continue;
    all.push_back({prog});
  }
  const auto attach = [&](P type, std::initializer_list<AttachType> kinds) {
    for (AttachType kind : kinds) all.push_back({type, static_cast<std::uint32_t>(kind)});
  };
  using T = AttachType;
  attach(P::kprobe, {T::trace_kprobe_multi, T::trace_uprobe_multi});
  attach(P::cgroup_skb, {T::cgroup_inet_egress});
  attach(P::cgroup_sock, {T::cgroup_inet_sock_create, T::cgroup_inet4_post_bind, T::cgroup_inet6_post_bind,
                          T::cgroup_inet_sock_release});
  attach(P::cgroup_sock_addr,
         {T::cgroup_inet4_bind, T::cgroup_inet6_bind, T::cgroup_inet4_connect, T::cgroup_inet6_connect,
          T::cgroup_udp4_sendmsg, T::cgroup_udp6_sendmsg, T::cgroup_udp4_recvmsg, T::cgroup_udp6_recvmsg,
          T::cgroup_inet4_getpeername, T::cgroup_inet6_getpeername, T::cgroup_inet4_getsockname,
          T::cgroup_inet6_getsockname});
  attach(P::sk_reuseport, {T::sk_reuseport_select, T::sk_reuseport_select_or_migrate});
  attach(P::cgroup_sockopt, {T::cgroup_getsockopt, T::cgroup_setsockopt});
  attach(P::sk_lookup, {T::sk_lookup});
  attach(P::netfilter, {T::netfilter});
  constexpr std::uint32_t sleepable = 1 << 4;
  all.push_back({P::syscall, 0, 0, sleepable});

  const auto ids = kernel_type_ids();
  const auto with_btf = [&](P type, T kind, const char* name) {
    const auto at = ids.find(name);
    if (at != ids.end()) all.push_back({type, static_cast<std::uint32_t>(kind), at->second});
  };
  with_btf(P::tracing, T::trace_raw_tp, "8 btf_trace_sched_switch");
  with_btf(P::tracing, T::trace_raw_tp, "8 btf_trace_kfree_skb");
  for (const char* target : {"12 bpf_iter_task", "12 bpf_iter_bpf_map", "12 bpf_iter_tcp", "12 bpf_iter_udp",
                             "12 bpf_iter_unix", "12 bpf_iter_bpf_sk_storage_map"}) {
    with_btf(P::tracing, T::trace_iter, target);
  }
  with_btf(P::tracing, T::trace_fentry, "12 bpf_fentry_test1");
  with_btf(P::tracing, T::modify_return, "12 bpf_modify_return_test");
  with_btf(P::lsm, T::lsm_mac, "12 bpf_lsm_file_open");
  with_btf(P::lsm, T::lsm_mac, "12 bpf_lsm_bprm_committed_creds");
  with_btf(P::lsm, T::lsm_cgroup, "12 bpf_lsm_socket_post_create");
  // The attach type of a struct_ops program is the number of the member.
  const auto ops = ids.find("4 tcp_congestion_ops");
  for (std::uint32_t member = 0; ops != ids.end() && member < 24; ++member) {
    all.push_back({P::struct_ops, member, ops->second});
  }
  return all;
}

struct Kernel {
  std::vector<Way> ways;      // that the kernel at hand lets us ask
  std::uint32_t release = 0;  // major << 8 | minor
  std::uint64_t types = 0;    // bits of the program types in ways
  std::uint64_t partly = 0;   // types that also have ways which we cannot ask
};

constexpr const char* gpl = "GPL";

Kernel ask_what_can_be_asked() {
  Kernel kernel;
  utsname name{};
  unsigned major = 0, minor = 0;
  if (uname(&name) != 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) return kernel;
  kernel.release = major << 8 | minor;
  for (const Way& way : ways()) {
    const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(way.type);
    if (load_call(way, 100000, gpl).unknown()) {
      kernel.ways.push_back(way);
      kernel.types |= bit;
    } else if (way.attach_type != 0) {
      kernel.partly |= bit;
    }
  }
  return kernel;
}

#define SKIP_WITHOUT_RIGHTS(kernel) \
  if ((kernel).types == 0) GTEST_SKIP() << "the running kernel lets nobody like us load programs"

TEST(HelpersOnKernel, a_helper_is_known_from_its_release_on) {
  const Kernel kernel = ask_what_can_be_asked();
  SKIP_WITHOUT_RIGHTS(kernel);
  for (const Helper& helper : helpers()) {
    const Answer answer = load_call(kernel.ways.front(), helper.id, gpl);
    EXPECT_EQ(!answer.unknown(), helper.since <= kernel.release)
        << helper.name << " since " << (helper.since >> 8) << '.' << (helper.since & 0xff) << ": "
        << answer.log;
  }
}

TEST(HelpersOnKernel, the_program_types_of_each_row_are_the_kernels) {
  const Kernel kernel = ask_what_can_be_asked();
  SKIP_WITHOUT_RIGHTS(kernel);
  constexpr std::uint32_t table_release = 6 << 8 | 18;
  if (kernel.release > table_release) GTEST_SKIP() << "the table's program types are those of 6.18";
  unsigned loads = 0, absent = 0, compared = 0;
  for (const Helper& helper : helpers()) {
    if (helper.since > kernel.release) continue;
    std::uint64_t allowed = 0;
    for (const Way& way : kernel.ways) {
      const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(way.type);
      if ((allowed & bit) != 0) continue;
      const Answer answer = load_call(way, helper.id, gpl);
      ++loads;
      ASSERT_TRUE(answer.asked()) << helper.name << " errno " << answer.error;
      if (!answer.refused()) allowed |= bit;
    }
    EXPECT_EQ(allowed & ~helper.prog_types, 0u) << helper.name << ": the kernel allows more types";
    if (allowed == 0) {
      ++absent;  // this kernel is configured without it
    } else if (kernel.release == table_release) {
      ++compared;
      const std::uint64_t sure = kernel.types & ~kernel.partly;
      EXPECT_EQ(helper.prog_types & sure & ~allowed, 0u) << helper.name << ": the kernel refuses types";
    }
  }
  std::printf("%u loads, %d of 32 program types asked, %u helpers equal, %u not configured\n", loads,
              __builtin_popcountll(kernel.types), compared, absent);
  RecordProperty("loads", static_cast<int>(loads));
}

TEST(HelpersOnKernel, gpl_only_rows_are_refused_without_the_licence) {
  const Kernel kernel = ask_what_can_be_asked();
  SKIP_WITHOUT_RIGHTS(kernel);
  unsigned compared = 0;
  for (const Helper& helper : helpers()) {
    std::uint64_t done = 0;  // the first way of a type speaks for it
    for (const Way& way : kernel.ways) {
      const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(way.type);
      // Whole types want the GPL before any helper is looked at.
      if (way.type == ProgType::struct_ops || (done & bit) != 0 || !may_call(helper, way.type)) continue;
      const Answer answer = load_call(way, helper.id, "Proprietary");
      if (answer.unknown() || answer.refused()) continue;
      done |= bit;
      ++compared;
      EXPECT_EQ(answer.says("GPL-restricted"), helper_form(helper, way.type).gpl_only)
          << helper.name << " for program type " << static_cast<unsigned>(way.type) << ": " << answer.log;
    }
  }
  EXPECT_GT(compared, 1000u);
}

}  // namespace
}  // namespace skep::uapi
