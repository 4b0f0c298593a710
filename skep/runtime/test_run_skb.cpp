// Test runs on struct sk_buff (traffic control, sockets, control groups, lightweight tunnels) and of the flow
// dissector. Facts: bpf_prog_test_run_skb() and bpf_prog_test_run_flow_dissector() of net/bpf/test_run.c.
#include <algorithm>
#include <cstring>

#include "skep/runtime/checksum.h"
#include "skep/runtime/test_run.h"

namespace skep::runtime {

using image::Packet;
using image::RegionKind;
using std::uint32_t;
using uapi::ProgType;

namespace {

// What the test run does for a program type.
struct SkbType {
  ProgType type;
  bool begins_at_mac;    // data points at the Ethernet header, not behind it
  bool has_pointers;     // data_end is set from the beginning
  bool writes_directly;  // stores to the packet pass the verifier
};
constexpr SkbType skb_types[] = {
    {ProgType::socket_filter, false, false, false}, {ProgType::sched_cls, true, true, true},
    {ProgType::sched_act, true, true, true},        {ProgType::cgroup_skb, false, true, false},
    {ProgType::lwt_in, false, true, false},         {ProgType::lwt_out, false, true, false},
    {ProgType::lwt_xmit, false, true, true},
};

const SkbType* find_skb_type(ProgType type) {
  for (const SkbType& row : skb_types)
    if (row.type == type) return &row;
  return nullptr;
}

// Members of a context that the caller may set; all bytes between them must be zero.
struct Given {
  std::size_t offset, size;
};
constexpr Given skb_given[] = {
    {offsetof(SkBuff, mark), 4},     {offsetof(SkBuff, priority), 12},  // with ingress_ifindex and ifindex
    {offsetof(SkBuff, cb), 20},      {offsetof(SkBuff, tstamp), 16},    // with wire_len and gso_segs
    {offsetof(SkBuff, gso_size), 4}, {offsetof(SkBuff, hwtstamp), 8},
};
constexpr Given flow_given[] = {{offsetof(FlowKeys, flags), 4}};

template <class T, std::size_t n>
bool only_given(const T& context, const Given (&rows)[n]) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&context);
  auto zero = [&](std::size_t from, std::size_t to) {
    return std::all_of(bytes + from, bytes + to, [](std::uint8_t byte) { return byte == 0; });
  };
  std::size_t at = 0;
  for (const Given& row : rows) {
    if (!zero(at, row.offset)) return false;
    at = row.offset + row.size;
  }
  return zero(at, sizeof context);
}

uint32_t bytes_between(const std::uint8_t* from, const std::uint8_t* to) {
  return static_cast<uint32_t>(to - from);
}

void add_region(Cpu& cpu, void* base, std::size_t size, bool writable, const char* name) {
  image::Region region;
  region.base = reinterpret_cast<std::uint64_t>(base);
  region.size = size;
  region.kind = RegionKind::memory;
  region.writable = writable;
  region.name = name;
  cpu.regions.add(region);
}

// The socket gets the addresses of the packet. False: the packet is too short for its network header.
bool make_socket(Skb& skb, const Packet& packet) {
  constexpr uint32_t closed = 7, inet = 2, inet6 = 10;  // TCP_CLOSE, AF_INET, AF_INET6
  uint32_t there = bytes_between(packet.network_header, packet.data_end);
  skb.sock.state = closed;
  skb.sock.rx_queue_mapping = -1;
  const std::uint8_t* ip = packet.network_header;
  if (skb.md.protocol == ether_ip) {
    if (there < 20) return false;
    skb.sock.family = inet;
    std::memcpy(&skb.sock.src_ip4, ip + 12, 4);
    std::memcpy(&skb.sock.dst_ip4, ip + 16, 4);
  } else if (skb.md.protocol == ether_ipv6) {
    if (there < 40) return false;
    skb.sock.family = inet6;
    std::memcpy(skb.sock.src_ip6, ip + 8, 16);
    std::memcpy(skb.sock.dst_ip6, ip + 24, 16);
  }
  skb.md.family = skb.sock.family;
  skb.md.local_ip4 = skb.sock.src_ip4;
  skb.md.remote_ip4 = skb.sock.dst_ip4;
  std::memcpy(skb.md.local_ip6, skb.sock.src_ip6, 16);
  std::memcpy(skb.md.remote_ip6, skb.sock.dst_ip6, 16);
  return true;
}

// Takes what the caller's context sets. 0 or -errno.
long take_context(const SkBuff& given, SkBuff& md, uint32_t length) {
  constexpr uint32_t gso_legacy_limit = 65536, segments_limit = 65535;  // GSO_LEGACY_MAX_SIZE, GSO_MAX_SEGS
  if (!only_given(given, skb_given)) return -EINVAL;
  md.mark = given.mark;
  md.priority = given.priority;
  md.ingress_ifindex = given.ingress_ifindex;
  md.tstamp = given.tstamp;
  std::memcpy(md.cb, given.cb, sizeof md.cb);
  md.wire_len = given.wire_len ? given.wire_len : length;
  if (md.wire_len < length || md.wire_len > gso_legacy_limit) return -EINVAL;
  if (given.gso_segs > segments_limit) return -EINVAL;
  md.gso_segs = given.gso_segs;
  md.gso_size = given.gso_size & 0xffff;
  md.hwtstamp = given.hwtstamp;
  return 0;
}

}  // namespace

bool runs_on_skb(ProgType type) { return find_skb_type(type) != nullptr; }

long test_run_skb(TestRun& test) {
  constexpr uint32_t checksum_complete = 4;  // BPF_F_TEST_SKB_CHECKSUM_COMPLETE
  const ProgTestRunAttr& attr = test.attr;
  Cpu& cpu = test.cpu;
  Skb& skb = cpu.skb;
  Packet& packet = cpu.ctx.packet;
  const SkbType& type = *find_skb_type(test.prog.image.type);
  if ((attr.flags & ~checksum_complete) || attr.cpu || attr.batch_size) return -EINVAL;
  if (attr.data_size_in < ethernet_bytes || attr.data_size_in > skb_input_limit) return -EINVAL;
  skb.begin(packet, attr.data_size_in);
  if (!test.call.task.memory.read(packet.data, attr.data_in, attr.data_size_in)) return -EFAULT;
  SkBuff given;
  if (long error = test.read_context(given)) return error;
  if (given.ifindex > loopback_ifindex) return -ENODEV;

  skb.md.ifindex = loopback_ifindex;
  skb.md.sk = reinterpret_cast<std::uint64_t>(&skb.sock);
  skb.take_ethernet_header(packet);
  if (!make_socket(skb, packet)) return -EINVAL;
  if (type.begins_at_mac) packet.data = packet.mac_header;
  if (test.has_context())
    if (long error = take_context(given, skb.md, bytes_between(packet.data, packet.data_end))) return error;
  auto sum_from_network = [&] {
    return sum_bytes(packet.network_header, bytes_between(packet.network_header, packet.data_end), 0);
  };
  if (attr.flags & checksum_complete) {
    skb.csum = sum_from_network();
    skb.checksum = ChecksumState::complete;
  }

  cpu.is_xdp = false;
  skb.pointers = type.has_pointers;
  skb.writable = type.writes_directly;
  cpu.ctx.context = &skb.md;
  cpu.ctx.context_size = sizeof skb.md;
  add_region(cpu, &skb.sock, sizeof skb.sock, false, "bpf_sock");
  cpu.packet_changed();
  if (long error = test.run([] {}, [&] { skb.narrow(); })) return error;

  if (!type.begins_at_mac) {  // the packet comes back with an empty Ethernet header
    if (!make_room(skb, packet, ethernet_bytes, 0)) return -ENOMEM;
    packet.data -= ethernet_bytes;
    std::memset(packet.data, 0, ethernet_bytes);
  }
  if ((attr.flags & checksum_complete) && sum_fold(skb.csum) != sum_fold(sum_from_network()))
    return refuse(EBADMSG, "BPF_PROG_TEST_RUN: the packet's checksum does not follow its changes");
  long error = test.finish(packet.data, bytes_between(packet.data, packet.data_end));
  if (error || !test.has_context()) return error;
  const SkBuff& md = skb.md;
  given.mark = md.mark;
  given.priority = md.priority;
  given.ingress_ifindex = md.ingress_ifindex;
  given.ifindex = md.ifindex;
  given.tstamp = md.tstamp;
  std::memcpy(given.cb, md.cb, sizeof given.cb);
  given.wire_len = md.wire_len;
  given.gso_segs = md.gso_segs;
  given.hwtstamp = md.hwtstamp;
  return test.write_context(given);
}

long test_run_flow_dissector(TestRun& test) {
  constexpr uint32_t page_bytes = 4096;
  const ProgTestRunAttr& attr = test.attr;
  Cpu& cpu = test.cpu;
  Skb& skb = cpu.skb;
  Packet& packet = cpu.ctx.packet;
  if (attr.flags || attr.cpu || attr.batch_size) return -EINVAL;
  uint32_t size = attr.data_size_in;
  if (size < ethernet_bytes || size > page_bytes) return -EINVAL;
  skb.begin(packet, size);
  if (!test.call.task.memory.read(packet.data, attr.data_in, size)) return -EFAULT;
  FlowKeys given;
  if (long error = test.read_context(given)) return error;
  if (!only_given(given, flow_given)) return -EINVAL;

  cpu.is_xdp = false;
  skb.pointers = true;
  skb.writable = false;
  skb.md.flow_keys = reinterpret_cast<std::uint64_t>(&skb.keys);
  cpu.ctx.context = &skb.md;
  cpu.ctx.context_size = sizeof skb.md;
  add_region(cpu, &skb.keys, sizeof skb.keys, true, "bpf_flow_keys");
  cpu.packet_changed();
  FlowKeys& keys = skb.keys;
  auto before = [&] {
    keys = {};
    keys.n_proto = base::load<std::uint16_t>(packet.data + 12);
    keys.nhoff = keys.thoff = ethernet_bytes;
    keys.flags = given.flags;
  };
  auto after = [&] {  // offsets stay inside of the packet
    keys.nhoff = std::clamp<std::uint16_t>(keys.nhoff, ethernet_bytes, static_cast<std::uint16_t>(size));
    keys.thoff = std::clamp(keys.thoff, keys.nhoff, static_cast<std::uint16_t>(size));
  };
  if (long error = test.run(before, after)) return error;
  long error = test.finish(reinterpret_cast<const std::uint8_t*>(&keys), sizeof keys);
  return error ? error : test.write_context(given);
}

}  // namespace skep::runtime
