// Skb: a packet as programs on struct sk_buff see it. The fields of struct __sk_buff are the state itself
// where the UAPI shows them; what it hides (checksum state, header offsets, tag of the device) stands beside.
// Facts: include/linux/skbuff.h, net/core/skbuff.c, net/ethernet/eth.c.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "skep/image/run.h"

namespace skep::runtime {

// struct __sk_buff of the UAPI, with true 32-bit pointers.
struct SkBuff {
  std::uint32_t len, pkt_type, mark, queue_mapping;
  std::uint32_t protocol;  // __be16
  std::uint32_t vlan_present, vlan_tci;
  std::uint32_t vlan_proto;  // __be16
  std::uint32_t priority, ingress_ifindex, ifindex, tc_index, cb[5];
  std::uint32_t hash, tc_classid, data, data_end, napi_id, family;
  std::uint32_t remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
  std::uint32_t remote_port, local_port, data_meta;
  std::uint64_t flow_keys, tstamp;
  std::uint32_t wire_len, gso_segs;
  std::uint64_t sk;
  std::uint32_t gso_size;
  std::uint8_t tstamp_type;
  std::uint8_t padding[3];
  std::uint64_t hwtstamp;
};
static_assert(sizeof(SkBuff) == 192 && offsetof(SkBuff, hash) == 68 && offsetof(SkBuff, flow_keys) == 144 &&
              offsetof(SkBuff, hwtstamp) == 184);

// struct bpf_sock: the socket that a test run gives to the packet.
struct Sock {
  std::uint32_t bound_dev_if, family, type, protocol, mark, priority, src_ip4, src_ip6[4], src_port;
  std::uint16_t dst_port, padding;
  std::uint32_t dst_ip4, dst_ip6[4], state;
  std::int32_t rx_queue_mapping;
};
static_assert(sizeof(Sock) == 80);

// struct bpf_flow_keys: what a flow dissector fills.
struct FlowKeys {
  std::uint16_t nhoff, thoff, addr_proto;
  std::uint8_t is_frag, is_first_frag, is_encap, ip_proto;
  std::uint16_t n_proto, sport, dport;
  std::uint32_t addresses[8];
  std::uint32_t flags, flow_label;
};
static_assert(sizeof(FlowKeys) == 56 && offsetof(FlowKeys, flags) == 48);

// Sizes of the kernel's packet in a test run, with pages of 4096 bytes.
inline constexpr std::uint32_t skb_headroom = 64;         // NET_SKB_PAD + NET_IP_ALIGN
inline constexpr std::uint32_t skb_input_limit = 3712;    // a page without headroom and skb_shared_info
inline constexpr std::uint32_t skb_length_limit = 16064;  // SKB_MAX_ALLOC: what helpers let it grow to
inline constexpr std::uint32_t skb_buffer_bytes = 128 << 10;

// EtherTypes as they stand in a packet's memory and in `protocol`.
constexpr std::uint16_t network_order(std::uint16_t value) {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<std::uint16_t>(value << 8 | value >> 8);
}
inline constexpr std::uint16_t ether_ip = network_order(0x0800), ether_ipv6 = network_order(0x86dd),
                               ether_8021q = network_order(0x8100), ether_8021ad = network_order(0x88a8);
constexpr bool is_vlan(std::uint32_t protocol) { return protocol == ether_8021q || protocol == ether_8021ad; }

enum class ChecksumState : std::uint8_t { none, unnecessary, complete };

struct Skb {
  SkBuff md{};
  Sock sock{};
  FlowKeys keys{};

  std::uint8_t* buffer = nullptr;  // skb_buffer_bytes, below 4 GiB
  // The kernel's skb->head, from which it counts header offsets in 16 bits. Here it only decides which
  // offsets come out: room is made in `buffer`.
  std::uint8_t* first = nullptr;
  static constexpr std::uint16_t no_transport = 0xffff;
  std::uint16_t transport = no_transport;  // offset of the transport header
  bool pointers = false;                   // data_end is given to the program; before, it is null
  bool writable = false;                   // the program may store to the packet directly
  bool hash_known = false;
  bool encapsulation = false;
  ChecksumState checksum = ChecksumState::none;
  std::uint8_t csum_level = 0;
  std::uint16_t mac_len = 0;
  std::uint32_t csum = 0;  // complete: sum of all bytes from the network header on
  std::uint32_t gso_type = 0;
  std::uint64_t cookie = 0;  // of the socket; 0: nobody asked yet
  std::uint32_t clones = 0;  // copies that bpf_clone_redirect sent off

  // Places `size` bytes' room for a packet in the middle of the buffer, as one that came from a device:
  // headers unset, no tag, no hash, fields 0. The caller fills packet.data to data_end.
  void begin(image::Packet& packet, std::uint32_t size);
  // Type and protocol from the Ethernet header at packet.data, which moves behind it.
  void take_ethernet_header(image::Packet& packet);

  std::uint16_t offset_of(const std::uint8_t* header) const {
    return static_cast<std::uint16_t>(header - first);
  }
  bool is_gso() const { return md.gso_size != 0; }
  // Fields narrower in the kernel than in __sk_buff lose what does not fit.
  void narrow() {
    md.queue_mapping &= 0xffff;
    md.tc_index &= 0xffff;
    md.tc_classid &= 0xffff;
  }
};

// Makes room for `head` bytes before and `tail` bytes behind the packet, moving it inside of its buffer if
// need be. As in the kernel, a larger headroom turns an unset transport header into one that lies at its end.
// False: the buffer is too small.
bool make_room(Skb& skb, image::Packet& packet, std::uint32_t head, std::uint32_t tail);

// Bytes were taken from the packet (before it changes) or put into it (after): the complete checksum follows.
// `offset` counts from data.
void checksum_pulled(Skb& skb, const std::uint8_t* at, std::uint32_t count, std::uint32_t offset = 0);
void checksum_pushed(Skb& skb, const std::uint8_t* at, std::uint32_t count, std::uint32_t offset = 0);

// Hash of the flow: addresses, protocol, ports of an unfragmented TCP or UDP packet. Never 0. The kernel's is
// keyed with a random number; this one is the same in every run.
std::uint32_t flow_hash(const Skb& skb, const image::Packet& packet);

}  // namespace skep::runtime
