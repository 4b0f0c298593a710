// Test runs on struct sk_buff and of flow dissectors, where the judge's packets do not reach: errors of the
// attr, contexts that are refused, repeats, complete checksums, types without a test run.
#include "skep/runtime/skb.h"
#include "programs.h"

namespace skep::runtime {
namespace {

using uapi::Command;
using uapi::ProgType;

class SkbRun : public RuntimeTest {
 protected:
  struct Outcome {
    long error = 0;
    std::uint32_t retval = 0;
    std::vector<std::uint8_t> packet;
    SkBuff context{};
  };
  long load_as(ProgType type, const Program& code) {
    auto attr = load_attr(code, type);
    return bpf(Command::prog_load, attr);
  }
  // An IPv4 packet of `size` bytes with every byte behind the header its own number.
  static std::vector<std::uint8_t> ipv4(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; i++) bytes[i] = static_cast<std::uint8_t>(i);
    bytes[0] = 0x02;
    if (size > 12) bytes[12] = 8;
    if (size > 13) bytes[13] = 0;
    if (size > 14) bytes[14] = 0x45;
    return bytes;
  }
  Outcome run_skb(long fd, const std::vector<std::uint8_t>& in, const SkBuff* context = nullptr,
                  std::uint32_t flags = 0, std::uint32_t repeat = 0) {
    Outcome out;
    out.packet.resize(1 << 17);
    uapi::ProgTestRunAttr attr{};
    attr.prog_fd = static_cast<std::uint32_t>(fd);
    attr.data_in = reinterpret_cast<std::uint64_t>(in.data());
    attr.data_size_in = static_cast<std::uint32_t>(in.size());
    attr.data_out = reinterpret_cast<std::uint64_t>(out.packet.data());
    attr.data_size_out = static_cast<std::uint32_t>(out.packet.size());
    attr.flags = flags;
    attr.repeat = repeat;
    if (context) {
      attr.ctx_in = reinterpret_cast<std::uint64_t>(context);
      attr.ctx_out = reinterpret_cast<std::uint64_t>(&out.context);
      attr.ctx_size_in = attr.ctx_size_out = sizeof *context;
    }
    out.error = bpf(Command::prog_test_run, attr);
    out.retval = attr.retval;
    out.packet.resize(out.error ? 0 : attr.data_size_out);
    return out;
  }
};
using UnverifiedSkbRun = Unverified<SkbRun>;

TEST_F(SkbRun, sizes) {
  long fd = load_as(ProgType::sched_cls, program({ldx32(0, 1, 0), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  EXPECT_EQ(run_skb(fd, ipv4(13)).error, -EINVAL);
  EXPECT_EQ(run_skb(fd, ipv4(33)).error, -EINVAL) << "an IPv4 packet without its header";
  EXPECT_EQ(run_skb(fd, ipv4(34)).retval, 34u);
  EXPECT_EQ(run_skb(fd, ipv4(3712)).retval, 3712u);
  EXPECT_EQ(run_skb(fd, ipv4(3713)).error, -EINVAL);
  EXPECT_EQ(run_skb(fd, ipv4(60), nullptr, 1).error, -EINVAL);
}

TEST_F(UnverifiedSkbRun, where_the_packet_begins) {
  struct {
    ProgType type;
    std::uint32_t length;
  } const rows[] = {{ProgType::sched_cls, 60},  {ProgType::sched_act, 60}, {ProgType::socket_filter, 46},
                    {ProgType::cgroup_skb, 46}, {ProgType::lwt_in, 46},    {ProgType::lwt_out, 46},
                    {ProgType::lwt_xmit, 46}};
  for (auto row : rows) {
    long fd = load_as(row.type, program({ldx32(0, 1, 0), exit_()}));
    ASSERT_GE(fd, 0) << sys->last_error();
    Outcome out = run_skb(fd, ipv4(60));
    EXPECT_EQ(out.retval, row.length) << static_cast<int>(row.type);
    ASSERT_EQ(out.packet.size(), 60u);
    EXPECT_EQ(out.packet[12], row.length == 60 ? 8 : 0) << "the Ethernet header comes back empty";
    EXPECT_EQ(out.packet[59], 59);
  }
}

TEST_F(SkbRun, types_without_a_test_run) {
  for (ProgType type : {ProgType::lwt_seg6local, ProgType::sk_skb, ProgType::sk_msg}) {
    long fd = load_as(type, program({mov(0, 1), exit_()}));
    ASSERT_GE(fd, 0) << sys->last_error();
    EXPECT_EQ(run_skb(fd, ipv4(60)).error, -524);
  }
}

// Exactly these members may be given; a byte anywhere else is refused.
TEST_F(SkbRun, context_members) {
  long fd = load_as(ProgType::sched_cls, program({mov(0, 0), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  auto given = [](std::size_t at) {
    return (at >= 8 && at < 12) || (at >= 32 && at < 44) || (at >= 48 && at < 68) ||
           (at >= 152 && at < 168) || (at >= 176 && at < 180) || at >= 184;
  };
  for (std::size_t at = 0; at < sizeof(SkBuff); at++) {
    SkBuff context{};
    reinterpret_cast<std::uint8_t*>(&context)[at] = 1;
    bool is_ifindex = at >= 40 && at < 44;
    bool wire_len = at >= 160 && at < 164;  // 1 and 1 << 24 are no lengths of this packet
    bool segments = at == 166 || at == 167;
    long expected = !given(at)                           ? -EINVAL
                    : is_ifindex && at > 40              ? -ENODEV
                    : wire_len && at != 161 && at != 162 ? -EINVAL
                    : segments                           ? -EINVAL
                                                         : 0;
    EXPECT_EQ(run_skb(fd, ipv4(60), &context).error, expected) << "byte " << at;
  }
}

TEST_F(SkbRun, context_out) {
  // mark += 1; cb[4] = 7; queue_mapping = 0x12345 reads as 0x2345 in the next repeat.
  long fd = load_as(ProgType::sched_cls, program({ldx32(2, 1, 8), add(2, 1), stx32(1, 8, 2), st32(1, 64, 7),
                                                  ldx32(0, 1, 12), st32(1, 12, 0x12345), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  SkBuff context{};
  context.mark = 40;
  context.gso_size = 0x10001;
  Outcome out = run_skb(fd, ipv4(60), &context, 0, 2);
  ASSERT_EQ(out.error, 0) << sys->last_error();
  EXPECT_EQ(out.retval, 0x2345u);
  EXPECT_EQ(out.context.mark, 42u);
  EXPECT_EQ(out.context.cb[4], 7u);
  EXPECT_EQ(out.context.wire_len, 60u);
  EXPECT_EQ(out.context.ifindex, 1u);
  EXPECT_EQ(out.context.gso_size, 0x10001u) << "comes back as it went in";
  EXPECT_EQ(out.context.len, 0u);
}

// BPF_F_TEST_SKB_CHECKSUM_COMPLETE: a store that forgets the checksum is found.
TEST_F(SkbRun, complete_checksum) {
  auto store = [&](std::int32_t offset, std::int32_t flags) {
    return load_as(ProgType::sched_cls, program({st64(10, -8, 0x01020304), mov(2, offset), mov_reg(3, 10),
                                                 add(3, -8), mov(4, 5), mov(5, flags), call(9), exit_()}));
  };
  for (std::int32_t offset : {20, 21, 40, 55}) {
    EXPECT_EQ(run_skb(store(offset, 1), ipv4(60), nullptr, 4).error, 0) << offset;
    EXPECT_EQ(run_skb(store(offset, 0), ipv4(60), nullptr, 4).error, -EBADMSG) << offset;
  }
  EXPECT_EQ(run_skb(store(56, 1), ipv4(60)).retval, static_cast<std::uint32_t>(-EFAULT));
  // bpf_csum_update tells the packet what a direct store did.
  long update = load_as(ProgType::sched_cls, program({mov(2, 0), call(40), exit_()}));
  EXPECT_EQ(run_skb(update, ipv4(60)).retval, static_cast<std::uint32_t>(-524));
  EXPECT_NE(run_skb(update, ipv4(60), nullptr, 4).retval, static_cast<std::uint32_t>(-524));
}

// The packet moves inside of its buffer when the front is used up.
TEST_F(SkbRun, room_does_not_run_out) {
  Outcome out;
  long push = load_as(ProgType::sched_cls, program({mov(2, 0x0081), mov(3, 5), call(18), exit_()}));
  out = run_skb(push, ipv4(60), nullptr, 0, 10000);  // tags have no limit of their own
  ASSERT_EQ(out.error, 0) << sys->last_error();
  EXPECT_EQ(out.packet.size(), 60u + 4 * 9999);
  EXPECT_EQ(out.packet[1], 1);
  EXPECT_EQ(out.packet.back(), 59);
  out = run_skb(push, ipv4(60), nullptr, 0, 100000);  // but memory has
  EXPECT_EQ(out.retval, static_cast<std::uint32_t>(-ENOMEM));
}

TEST_F(UnverifiedSkbRun, packets_that_programs_may_not_write) {
  // r2 = data; r3 = data_end; if (r2 + 4 <= r3) *(u8*)r2 = 9;
  auto code = program({ldx32(2, 1, 76), ldx32(3, 1, 80), mov_reg(4, 2), add(4, 4), mov(0, 1),
                       jgt_reg(4, 3, 1), st8(2, 0, 9), exit_()});
  EXPECT_EQ(run_skb(load_as(ProgType::sched_cls, code), ipv4(60)).packet[0], 9);
  EXPECT_EQ(run_skb(load_as(ProgType::lwt_xmit, code), ipv4(60)).packet[14], 9);
  for (ProgType type : {ProgType::cgroup_skb, ProgType::lwt_in})
    EXPECT_EQ(run_skb(load_as(type, code), ipv4(60)).error, -EFAULT);
}

TEST_F(SkbRun, clones_go_to_the_loopback_alone) {
  auto clone = [&](std::int32_t ifindex, std::int32_t flags) {
    long fd = load_as(ProgType::sched_cls, program({mov(2, ifindex), mov(3, flags), call(13), exit_()}));
    return run_skb(fd, ipv4(60)).retval;
  };
  EXPECT_EQ(clone(1, 0), 0u);
  EXPECT_EQ(clone(1, 1), 0u);
  EXPECT_EQ(clone(2, 0), static_cast<std::uint32_t>(-EINVAL));
  EXPECT_EQ(clone(1, 2), static_cast<std::uint32_t>(-EINVAL));
}

TEST_F(SkbRun, hashes) {
  // r0 = hash after recalculation equals skb->hash, is not 0, and stays the same.
  long fd = load_as(ProgType::sched_cls, program({mov_reg(6, 1), call(34), ldx32(1, 6, 68), exit_()}));
  std::uint32_t hash = run_skb(fd, ipv4(60)).retval;
  EXPECT_NE(hash, 0u);
  EXPECT_EQ(run_skb(fd, ipv4(60)).retval, hash);
  auto other = ipv4(60);
  other[26]++;  // the source address
  EXPECT_NE(run_skb(fd, other).retval, hash);
}

TEST_F(SkbRun, flow_dissector) {
  // keys->nhoff = 1; keys->thoff = 5000: both are clamped. keys->flags come from the context.
  long fd = load_as(ProgType::flow_dissector, program({ldx64(2, 1, 144), insn(0x6a, 2, 0, 0, 1),
                                                       insn(0x6a, 2, 0, 2, 5000), mov(0, 0), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  auto in = ipv4(60);
  FlowKeys given{}, keys{}, back{};
  given.flags = 5;
  uapi::ProgTestRunAttr attr{};
  attr.prog_fd = static_cast<std::uint32_t>(fd);
  attr.data_in = reinterpret_cast<std::uint64_t>(in.data());
  attr.data_size_in = 60;
  attr.data_out = reinterpret_cast<std::uint64_t>(&keys);
  attr.data_size_out = sizeof keys;
  attr.ctx_in = reinterpret_cast<std::uint64_t>(&given);
  attr.ctx_out = reinterpret_cast<std::uint64_t>(&back);
  attr.ctx_size_in = attr.ctx_size_out = sizeof given;
  ASSERT_EQ(bpf(Command::prog_test_run, attr), 0) << sys->last_error();
  EXPECT_EQ(keys.nhoff, 14);
  EXPECT_EQ(keys.thoff, 60);
  EXPECT_EQ(keys.n_proto, ether_ip);
  EXPECT_EQ(keys.flags, 5u);
  EXPECT_EQ(back.flags, 5u);
  given.thoff = 1;
  EXPECT_EQ(bpf(Command::prog_test_run, attr), -EINVAL);
}

}  // namespace
}  // namespace skep::runtime
