#include "skep/uapi/prog_types.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "raw_kernel.h"
#include "skep/uapi/attach_types.h"
#include "skep/uapi/calls.h"
#include "skep/uapi/contexts.h"
#include "skep/uapi/link_types.h"

namespace skep::uapi {
namespace {

template <class Rows, class Find>
void names_agree(const Rows& rows, std::string_view prefix, Find find) {
  std::set<std::string_view> names;
  for (const auto& row : rows) {
    EXPECT_EQ(find(row.name), &row) << row.name;
    EXPECT_EQ(find(row.kernel_name), &row) << row.name;
    EXPECT_TRUE(names.insert(row.name).second);
    std::string kernel(prefix);
    for (char c : row.name) kernel += static_cast<char>(std::toupper(c));
    EXPECT_EQ(row.kernel_name, kernel);
  }
}

TEST(ProgTypes, AreFoundByNumberAndNames) {
  names_agree(prog_types(), "BPF_PROG_TYPE_", [](std::string_view name) { return find_prog_type(name); });
  names_agree(attach_types(), "BPF_", [](std::string_view name) { return find_attach_type(name); });
  names_agree(link_types(), "BPF_LINK_TYPE_", [](std::string_view name) { return find_link_type(name); });
  EXPECT_EQ(find_prog_type(ProgType::unspec), nullptr);
  EXPECT_EQ(find_prog_type(static_cast<ProgType>(33)), nullptr);
  EXPECT_EQ(find_prog_type("xpd"), nullptr);
  EXPECT_EQ(find_attach_type(static_cast<AttachType>(62)), nullptr);
  EXPECT_EQ(find_attach_type("connect4")->type, AttachType::cgroup_inet4_connect);
  EXPECT_EQ(find_attach_type("ingress")->type, AttachType::cgroup_inet_ingress);
  EXPECT_EQ(find_attach_type("mod_ret")->type, AttachType::modify_return);
  EXPECT_EQ(find_attach_type(""), nullptr);
  EXPECT_EQ(find_link_type(static_cast<LinkType>(16)), nullptr);
}

TEST(ProgTypes, NameContextsThatExist) {
  for (const ProgTypeRow& row : prog_types()) {
    const Context* context = context_of(row.type);
    EXPECT_EQ(context == nullptr, row.context.empty()) << row.name;
    if (!context) continue;
    bool usable = false;
    for (const ContextField& field : context->fields) usable |= (field.readable & bit(row.type)) != 0;
    EXPECT_TRUE(usable) << row.name;
  }
  std::set<std::string_view> names;
  for (const Context& context : contexts()) {
    EXPECT_TRUE(names.insert(context.name).second);
    std::uint32_t last = 0;
    for (const ContextField& field : context.fields) {
      EXPECT_GE(field.offset, last) << context.name << "." << field.name;
      last = field.offset;
    }
  }
}

TEST(Contexts, XdpAndSkb) {
  auto load = [](ProgType type, std::int64_t offset, std::uint32_t size, AttachType attach = {}) {
    return check_context_access(type, attach, offset, size, false);
  };
  EXPECT_EQ(load(ProgType::xdp, 0, 4).yields, Yields::packet);
  EXPECT_EQ(load(ProgType::xdp, 4, 4).yields, Yields::packet_end);
  EXPECT_EQ(load(ProgType::xdp, 8, 4).yields, Yields::packet_meta);
  EXPECT_FALSE(load(ProgType::xdp, 0, 8));
  EXPECT_FALSE(load(ProgType::xdp, 12, 2));
  EXPECT_FALSE(load(ProgType::xdp, 24, 4));
  EXPECT_FALSE(load(ProgType::xdp, -4, 4));
  EXPECT_FALSE(load(ProgType::xdp, 2, 4));
  EXPECT_FALSE(load(ProgType::xdp, 20, 4));
  EXPECT_TRUE(load(ProgType::xdp, 20, 4, AttachType::xdp_devmap));
  EXPECT_FALSE(check_context_access(ProgType::xdp, {}, 0, 4, true));
  EXPECT_FALSE(load(ProgType::socket_filter, 76, 4));
  EXPECT_TRUE(load(ProgType::sched_cls, 16, 1));
  EXPECT_FALSE(check_context_access(ProgType::sched_cls, {}, 16, 4, true));
  EXPECT_TRUE(check_context_access(ProgType::sched_cls, {}, 48, 8, true));
  EXPECT_EQ(load(ProgType::flow_dissector, 144, 8).yields, Yields::flow_keys);
  EXPECT_FALSE(load(ProgType::flow_dissector, 0, 4));
  EXPECT_FALSE(load(ProgType::tracing, 0, 8));
  EXPECT_FALSE(load(static_cast<ProgType>(77), 0, 8));
}

TEST(ProgTypes, ReturnRanges) {
  EXPECT_EQ(return_range(ProgType::xdp, AttachType::xdp), std::nullopt);
  EXPECT_EQ(return_range(ProgType::cgroup_skb, AttachType::cgroup_inet_egress)->max, 3);
  EXPECT_EQ(return_range(ProgType::cgroup_skb, AttachType::cgroup_inet_ingress)->max, 1);
  EXPECT_EQ(return_range(ProgType::cgroup_sock_addr, AttachType::cgroup_udp6_recvmsg)->min, 1);
  EXPECT_EQ(return_range(ProgType::cgroup_sock_addr, AttachType::cgroup_inet4_bind)->max, 3);
  EXPECT_TRUE(takes_attach_type(ProgType::cgroup_sock, AttachType{}));
  EXPECT_FALSE(takes_attach_type(ProgType::cgroup_sock_addr, AttachType{}));
  EXPECT_FALSE(takes_attach_type(ProgType::sk_lookup, static_cast<AttachType>(1000)));
  EXPECT_TRUE(takes_attach_type(ProgType::xdp, AttachType::xdp_cpumap));
}

// --- against the running kernel's verifier ---

struct Slot {
  std::uint8_t code, registers;
  std::int16_t offset;
  std::int32_t immediate;
};
constexpr Slot move(unsigned reg, std::int32_t value) {
  return {0xb7, static_cast<std::uint8_t>(reg), 0, value};
}
constexpr Slot leave{0x95, 0, 0, 0};
std::uint8_t width(std::uint32_t size) {
  return size == 1 ? 0x10 : size == 2 ? 0x08 : size == 4 ? 0x00 : 0x18;
}

class VerifierOnKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!kernel.permitted()) GTEST_SKIP() << "this process may not load programs";
  }
  bool loads(ProgType type, AttachType attach, std::span<const Slot> slots) {
    ProgLoad options;
    options.type = type;
    options.expected_attach_type = attach;
    options.insns = {reinterpret_cast<const std::uint8_t*>(slots.data()), slots.size_bytes()};
    if (type == ProgType::syscall) options.flags = 1u << 4;  // sleepable, always
    return prog_load(kernel, options).has_value();
  }
  bool returns(ProgType type, AttachType attach, std::int32_t value) {
    const Slot slots[] = {move(0, value), leave};
    return loads(type, attach, slots);
  }
  bool accesses(ProgType type, AttachType attach, std::int32_t good, std::uint32_t offset, std::uint32_t size,
                bool write) {
    auto at = static_cast<std::int16_t>(offset);
    if (write) {
      const Slot slots[] = {
          move(2, 0), {static_cast<std::uint8_t>(0x63 | width(size)), 0x21, at, 0}, move(0, good), leave};
      return loads(type, attach, slots);
    }
    const Slot slots[] = {{static_cast<std::uint8_t>(0x61 | width(size)), 0x10, at, 0}, move(0, good), leave};
    return loads(type, attach, slots);
  }
  RawKernel kernel;
};

// The attach types worth asking about: those that a checked type takes, and for the others none.
std::vector<AttachType> attach_types_of(const ProgTypeRow& row) {
  std::vector<AttachType> all;
  if (row.type == ProgType::xdp) return {AttachType::xdp, AttachType::xdp_devmap};
  if (row.type == ProgType::kprobe) return {AttachType{}, AttachType::trace_kprobe_session};
  if (!row.needs_attach_type) return {AttachType{}};
  for (const AttachTypeRow& attach : attach_types())
    if (attach.evidence != unseen && takes_attach_type(row.type, attach.type) &&
        fixed_attach_type(row.type, attach.type) == attach.type)
      all.push_back(attach.type);
  return all;
}

TEST_F(VerifierOnKernel, ReturnsWhatTheRangesSay) {
  int compared = 0;
  for (const ProgTypeRow& row : prog_types()) {
    if (row.needs_btf_target) continue;
    for (AttachType attach : attach_types_of(row)) {
      auto range = return_range(row.type, attach);
      if (!returns(row.type, attach, range ? range->min : 0)) continue;  // not in this kernel
      if (!range) {
        EXPECT_TRUE(returns(row.type, attach, 12345)) << row.name;
      } else {
        EXPECT_TRUE(returns(row.type, attach, range->max)) << row.name;
        EXPECT_FALSE(returns(row.type, attach, range->min - 1)) << row.name;
        EXPECT_FALSE(returns(row.type, attach, range->max + 1)) << row.name;
        ++compared;
      }
    }
  }
  EXPECT_GE(compared, 20);
}

TEST_F(VerifierOnKernel, TakesAttachTypesAsTheRowsSay) {
  for (const ProgTypeRow& row : prog_types()) {
    if (!row.needs_attach_type || row.needs_btf_target) continue;
    bool present = false;
    for (const AttachTypeRow& attach : attach_types()) {
      auto range = return_range(row.type, attach.type);
      present |= returns(row.type, attach.type, range ? range->min : 0);
    }
    if (!present) continue;
    for (const AttachTypeRow& attach : attach_types()) {
      if (attach.evidence != seen_6_1) continue;
      auto range = return_range(row.type, attach.type);
      EXPECT_EQ(returns(row.type, attach.type, range ? range->min : 0),
                takes_attach_type(row.type, attach.type))
          << row.name << " " << attach.name;
    }
  }
}

TEST_F(VerifierOnKernel, AllowsTheAccessesThatTheTablesAllow) {
  int compared = 0;
  std::vector<std::string> differences;
  for (const ProgTypeRow& row : prog_types()) {
    const Context* context = context_of(row.type);
    // contexts of any bytes are one field; their edges are looked at below
    if (!context) continue;
    std::uint32_t end = context->size ? context->size : 96;
    if (end > 256) end = 32;
    for (AttachType attach : attach_types_of(row)) {
      auto range = return_range(row.type, attach);
      std::int32_t good = range ? range->min : 0;
      if (!returns(row.type, attach, good)) continue;
      for (std::uint32_t size : {1u, 2u, 4u, 8u})
        for (std::uint32_t offset = 0; offset < end + 8; offset += size)
          for (bool write : {false, true}) {
            bool ours(check_context_access(row.type, attach, offset, size, write));
            bool theirs = accesses(row.type, attach, good, offset, size, write);
            ++compared;
            if (ours != theirs)
              differences.push_back(
                  std::string(row.name) + " attach " + std::to_string(static_cast<int>(attach)) +
                  (write ? " store " : " load ") + std::to_string(size) + " at " + std::to_string(offset) +
                  (theirs ? ": the kernel allows it" : ": the kernel refuses it"));
          }
    }
  }
  for (const std::string& line : differences) ADD_FAILURE() << line;
  EXPECT_GT(compared, 1000);
  RecordProperty("compared", compared);
}

}  // namespace
}  // namespace skep::uapi
