// Summaries: one printer per protocol that has something to say; the walk was done by parse().
#include "skep/net/summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "skep/net/dns_print.h"
#include "skep/net/parse.h"

namespace skep::net {

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

struct Line {
  std::string& out;
  Bytes packet;
  const ParsedPacket& parsed;
  // Addresses of the innermost IP header printed so far, with ports when a transport header follows.
  std::string source, destination;
  std::string_view ip;  // "IP" or "IP6"

  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  }
  // What lies behind a layer's first `skip` bytes, up to the end of the innermost length.
  Bytes from(const Layer& layer, std::uint32_t skip) const {
    std::uint32_t end = parsed.payload_offset + parsed.payload_length;
    std::uint32_t begin = std::min(layer.offset + skip, end);
    return packet.subspan(begin, end - begin);
  }
  void addresses() { add("{} {} > {}: ", ip, source, destination); }
  void addresses(std::uint16_t from_port, std::uint16_t to_port) {
    add("{} {}.{} > {}.{}: ", ip, source, from_port, destination, to_port);
  }
};

struct Name {
  std::uint32_t number;
  std::string_view text;
};
template <std::size_t count>
std::string_view find_name(const Name (&names)[count], std::uint32_t number) {
  for (const Name& name : names)
    if (name.number == number) return name.text;
  return {};
}

void print_arp(Line& line, const Layer& layer) {
  constexpr Name operations[] = {{1, "Request"}, {2, "Reply"}, {3, "Reverse Request"}, {4, "Reverse Reply"}};
  auto header = header_at<ArpHeader>(line.packet, layer.offset);
  std::uint16_t operation = header.operation;
  line.add("ARP, ");
  if (header.hardware_length != 6 || header.protocol_length != 4) {
    line.add("hardware {} ({} bytes), protocol {:#06x} ({} bytes), operation {}, length {}",
             std::uint16_t{header.hardware}, header.hardware_length, std::uint16_t{header.protocol},
             header.protocol_length, operation, layer.header_length);
    return;
  }
  auto sender_mac = header_at<MacAddress>(line.packet, layer.offset + 8);
  auto sender = print(header_at<Ipv4Address>(line.packet, layer.offset + 14));
  auto target = print(header_at<Ipv4Address>(line.packet, layer.offset + 24));
  std::string_view name = find_name(operations, operation);
  if (operation == 1)
    line.add("{} who-has {} tell {}", name, target, sender);
  else if (operation == 2)
    line.add("{} {} is-at {}", name, sender, print(sender_mac));
  else if (!name.empty())
    line.add("{} {} tell {}", name, target, sender);
  else
    line.add("operation {}", operation);
  line.add(", length {}", layer.header_length + line.parsed.payload_length);
}

void print_tcp(Line& line, const Layer& layer) {
  constexpr Name flags[] = {{tcp_flag::fin, "F"}, {tcp_flag::syn, "S"}, {tcp_flag::rst, "R"},
                            {tcp_flag::psh, "P"}, {tcp_flag::ack, "."}, {tcp_flag::urg, "U"},
                            {tcp_flag::ece, "E"}, {tcp_flag::cwr, "W"}};
  auto header = header_at<TcpHeader>(line.packet, layer.offset);
  std::uint32_t length = line.parsed.payload_length;
  std::uint32_t seq = header.seq;
  line.addresses(header.source, header.destination);
  line.add("Flags [");
  if (header.flags == 0) line.add("none");
  for (const Name& flag : flags)
    if (header.flags & flag.number) line.out += flag.text;
  line.add("], seq {}", seq);
  if (length) line.add(":{}", seq + length);
  if (header.flags & tcp_flag::ack) line.add(", ack {}", std::uint32_t{header.ack});
  line.add(", win {}", std::uint16_t{header.window});
  if (header.flags & tcp_flag::urg) line.add(", urg {}", std::uint16_t{header.urgent});
  line.add(", length {}", length);
}

// An upper-layer protocol that is told by its UDP port.
void print_udp_payload(Line& line, std::uint16_t source, std::uint16_t destination, Bytes payload) {
  constexpr Name ports[] = {{53, "DNS"},     {67, "DHCP"},    {68, "DHCP"},   {69, "TFTP"},
                            {123, "NTP"},    {161, "SNMP"},   {443, "QUIC"},  {514, "SYSLOG"},
                            {546, "DHCPv6"}, {547, "DHCPv6"}, {1900, "SSDP"}, {4500, "IPsec NAT-T"},
                            {5060, "SIP"},   {5353, "mDNS"}};
  std::string_view name = find_name(ports, destination);
  if (name.empty()) name = find_name(ports, source);
  if ((name == "DNS" || name == "mDNS") && append_dns(line.out, payload)) return;
  line.add("UDP{}{}, length {}", name.empty() ? "" : ", ", name, payload.size());
}

void print_udp(Line& line, const Layer& layer) {
  auto header = header_at<UdpHeader>(line.packet, layer.offset);
  line.addresses(header.source, header.destination);
  print_udp_payload(line, header.source, header.destination, line.from(layer, sizeof header));
}

void print_sctp(Line& line, const Layer& layer) {
  auto header = header_at<SctpHeader>(line.packet, layer.offset);
  line.addresses(header.source, header.destination);
  line.add("SCTP, tag {:#x}, length {}", std::uint32_t{header.tag}, line.parsed.payload_length);
}

void print_icmp(Line& line, const Layer& layer) {
  constexpr Name types[] = {{0, "echo reply"},           {3, "unreachable"},
                            {4, "source quench"},        {5, "redirect"},
                            {8, "echo request"},         {9, "router advertisement"},
                            {10, "router solicitation"}, {11, "time exceeded"},
                            {12, "parameter problem"},   {13, "time stamp request"},
                            {14, "time stamp reply"}};
  constexpr Name unreachable[] = {{0, "net"},
                                  {1, "host"},
                                  {2, "protocol"},
                                  {3, "port"},
                                  {4, "need to frag"},
                                  {5, "source route failed"},
                                  {10, "host prohibited"},
                                  {13, "admin prohibited"}};
  auto header = header_at<IcmpHeader>(line.packet, layer.offset);
  std::string_view name = find_name(types, header.type);
  line.addresses();
  line.add("ICMP ");
  if (name.empty())
    line.add("type {}", header.type);
  else
    line.out += name;
  bool echo = header.type == 0 || header.type == 8 || header.type == 13 || header.type == 14;
  if (echo && line.parsed.payload_length >= sizeof(IcmpEcho)) {
    auto body = header_at<IcmpEcho>(line.packet, layer.offset + sizeof header);
    line.add(", id {}, seq {}", std::uint16_t{body.id}, std::uint16_t{body.seq});
  } else if (header.type == 3 && !find_name(unreachable, header.code).empty()) {
    line.add(" ({})", find_name(unreachable, header.code));
  } else if (header.code) {
    line.add(", code {}", header.code);
  }
  line.add(", length {}", sizeof header + line.parsed.payload_length);
}

void print_icmpv6(Line& line, const Layer& layer) {
  constexpr Name types[] = {{1, "destination unreachable"},
                            {2, "packet too big"},
                            {3, "time exceeded"},
                            {4, "parameter problem"},
                            {128, "echo request"},
                            {129, "echo reply"},
                            {130, "multicast listener query"},
                            {131, "multicast listener report"},
                            {132, "multicast listener done"},
                            {133, "router solicitation"},
                            {134, "router advertisement"},
                            {135, "neighbor solicitation"},
                            {136, "neighbor advertisement"},
                            {137, "redirect"},
                            {143, "multicast listener report v2"}};
  auto header = header_at<IcmpHeader>(line.packet, layer.offset);
  std::uint32_t body = layer.offset + static_cast<std::uint32_t>(sizeof header);
  std::uint32_t length = line.parsed.payload_length;
  std::string_view name = find_name(types, header.type);
  line.addresses();
  line.add("ICMP6, ");
  if (name.empty())
    line.add("type {}", header.type);
  else
    line.out += name;
  if ((header.type == 128 || header.type == 129) && length >= sizeof(IcmpEcho)) {
    auto echo = header_at<IcmpEcho>(line.packet, body);
    line.add(", id {}, seq {}", std::uint16_t{echo.id}, std::uint16_t{echo.seq});
  } else if ((header.type == 135 || header.type == 136) && length >= 20) {
    line.add(", {} {}", header.type == 135 ? "who has" : "tgt is",
             print(header_at<Ipv6Address>(line.packet, body + 4)));
  }
  line.add(", length {}", sizeof header + length);
}

void print_igmp(Line& line, const Layer& layer) {
  constexpr Name types[] = {
      {0x11, "query"}, {0x12, "v1 report"}, {0x16, "v2 report"}, {0x17, "leave"}, {0x22, "v3 report"}};
  auto header = header_at<IgmpHeader>(line.packet, layer.offset);
  std::string_view name = find_name(types, header.type);
  line.addresses();
  line.add("igmp ");
  if (name.empty())
    line.add("type {:#x}", header.type);
  else
    line.out += name;
  if (header.type != 0x22) line.add(" {}", print(header.group));
  line.add(", length {}", sizeof header + line.parsed.payload_length);
}

void print_vlan(Line& line, const Layer& layer) {
  std::uint16_t tci = header_at<VlanTag>(line.packet, layer.offset).tci;
  line.add("vlan {}, p {}, ", tci & 0xfff, tci >> 13);
}
void print_mpls(Line& line, const Layer& layer) {
  line.add("MPLS {}, ", header_at<MplsLabel>(line.packet, layer.offset).entry >> 12);
}
void print_pppoe(Line& line, const Layer& layer) {
  line.add("PPPoE ses {:#x}, ", std::uint16_t{header_at<PppoeHeader>(line.packet, layer.offset).session});
}
void print_pppoe_discovery(Line& line, const Layer& layer) {
  constexpr Name codes[] = {{0x09, "PADI"}, {0x07, "PADO"}, {0x19, "PADR"}, {0x65, "PADS"}, {0xa7, "PADT"}};
  auto header = header_at<PppoeHeader>(line.packet, layer.offset);
  std::string_view name = find_name(codes, header.code);
  line.add("PPPoE {}, ses {:#x}, length {}", name.empty() ? "discovery" : name, std::uint16_t{header.session},
           line.parsed.payload_length);
}
void print_ipv4(Line& line, const Layer& layer) {
  auto header = header_at<Ipv4Header>(line.packet, layer.offset);
  if (!line.source.empty()) line.addresses();  // a tunnel: the outer addresses first
  line.ip = "IP";
  line.source = print(header.source);
  line.destination = print(header.destination);
}
void print_ipv6(Line& line, const Layer& layer) {
  auto header = header_at<Ipv6Header>(line.packet, layer.offset);
  if (!line.source.empty()) line.addresses();
  line.ip = "IP6";
  line.source = print(header.source);
  line.destination = print(header.destination);
}
void print_fragment(Line& line, const Layer&) {
  line.addresses();
  line.add("fragment of protocol {}, length {}", line.parsed.ip_protocol, line.parsed.payload_length);
}
// Tunnels: their own line part ends with a comma or colon; the inner packet follows.
void print_gre(Line& line, const Layer& layer) {
  line.addresses();
  line.source.clear();
  line.add("GREv{}, ", header_at<GreHeader>(line.packet, layer.offset).flags & 7);
}
void print_vxlan(Line& line, const Layer& layer) {
  line.source.clear();
  line.add("VXLAN vni {}, ", header_at<VxlanHeader>(line.packet, layer.offset).vni >> 8);
}
void print_gtpu(Line& line, const Layer& layer) {
  auto header = header_at<GtpuHeader>(line.packet, layer.offset);
  line.source.clear();
  line.add("GTP-U teid {:#x}{}", std::uint32_t{header.teid}, header.type == 255 ? ", " : "");
  if (header.type != 255) line.add(", type {}, length {}", header.type, line.parsed.payload_length);
}
void print_other_ip(Line& line, const Layer& layer) {
  line.addresses();
  line.add("{}, length {}", print(layer.protocol), line.parsed.payload_length);
}
void print_plain(Line& line, const Layer& layer) {
  line.add("{}, length {}", print(layer.protocol), line.parsed.payload_length);
}

// What follows a layer that no table row knows.
void print_unknown(Line& line) {
  auto layers = line.parsed.layers();
  Bytes rest = line.packet.subspan(line.parsed.payload_offset, line.parsed.payload_length);
  const Layer* below = layers.size() > 1 ? &layers[layers.size() - 2] : nullptr;
  if (!line.source.empty()) {
    line.addresses();
    line.add("protocol {}, length {}", line.parsed.ip_protocol, rest.size());
  } else if (below && (below->protocol == Protocol::ethernet || below->protocol == Protocol::vlan)) {
    line.add("ethertype {:#06x}, length {}",
             std::uint16_t{header_at<be16>(line.packet, below->offset + below->header_length - 2)},
             rest.size());
  } else {
    line.add("unknown protocol, length {}", rest.size());
  }
}

struct PrinterRow {
  Protocol protocol;
  void (*print)(Line&, const Layer&);
};
constexpr PrinterRow printers[] = {
    {Protocol::vlan, print_vlan},     {Protocol::mpls, print_mpls},
    {Protocol::pppoe, print_pppoe},   {Protocol::pppoe_discovery, print_pppoe_discovery},
    {Protocol::arp, print_arp},       {Protocol::ipv4, print_ipv4},
    {Protocol::ipv6, print_ipv6},     {Protocol::tcp, print_tcp},
    {Protocol::udp, print_udp},       {Protocol::udplite, print_other_ip},
    {Protocol::sctp, print_sctp},     {Protocol::icmp, print_icmp},
    {Protocol::icmpv6, print_icmpv6}, {Protocol::igmp, print_igmp},
    {Protocol::esp, print_other_ip},  {Protocol::ospf, print_other_ip},
    {Protocol::pim, print_other_ip},  {Protocol::vrrp, print_other_ip},
    {Protocol::gre, print_gre},       {Protocol::vxlan, print_vxlan},
    {Protocol::gtpu, print_gtpu},     {Protocol::fragment, print_fragment},
    {Protocol::lldp, print_plain},    {Protocol::eapol, print_plain},
};

// A tunnel over UDP prints its own text in place of the datagram's.
bool is_udp_tunnel(std::span<const Layer> layers, std::size_t at) {
  return layers[at].protocol == Protocol::udp && at + 1 < layers.size();
}

void append_layers(Line& line) {
  std::size_t before = line.out.size();
  auto layers = line.parsed.layers();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].protocol == Protocol::unknown) print_unknown(line);
    if (is_udp_tunnel(layers, i)) {
      auto header = header_at<UdpHeader>(line.packet, layers[i].offset);
      line.addresses(header.source, header.destination);
      continue;
    }
    for (const PrinterRow& row : printers)
      if (row.protocol == layers[i].protocol) row.print(line, layers[i]);
  }
  // Nothing, or only what comes before a packet: say what can be said.
  Protocol last = layers.empty() ? Protocol::unknown : layers.back().protocol;
  bool addressed = last == Protocol::ipv4 || last == Protocol::ipv6;
  for (Protocol extension : {Protocol::ipv6_hop_by_hop, Protocol::ipv6_routing, Protocol::ipv6_fragment,
                             Protocol::ipv6_destination, Protocol::ipv6_extension, Protocol::ah})
    if (last == extension) addressed = true;
  if (addressed) {
    line.addresses();
    line.add("protocol {}, length {}", line.parsed.ip_protocol, line.parsed.payload_length);
  } else if (line.out.size() == before || line.out.ends_with(", ")) {
    line.add("{}, length {}", layers.empty() ? "nothing" : print(last), line.parsed.payload_length);
  }
}

}  // namespace

void append_summary(std::string& out, const Packet& packet, const SummaryOptions& options) {
  if (options.number) fmt::format_to(std::back_inserter(out), "{} ", packet.number);
  if (options.time) {
    std::uint64_t seconds = packet.time_ns / second_ns % 86400;
    fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{:06} ", seconds / 3600, seconds / 60 % 60,
                   seconds % 60, packet.time_ns % second_ns / 1000);
  }
  ParsedPacket parsed;
  parse(packet.link, packet.data, parsed);
  Line line{out, packet.data, parsed, {}, {}, {}};
  auto layers = parsed.layers();
  if (layers.empty() || layers[0].protocol == Protocol::unknown)
    line.add("{}, length {}", print(packet.link), packet.data.size());
  else
    append_layers(line);
  if (parsed.malformed) out += " [malformed]";
  if (parsed.too_deep) out += " [too many layers]";
  if (packet.data.size() < packet.original_length)
    line.add(" [{} of {} bytes captured]", packet.data.size(), packet.original_length);
  else if (parsed.truncated)
    out += " [truncated]";
}

std::string summary(const Packet& packet, const SummaryOptions& options) {
  std::string line;
  append_summary(line, packet, options);
  return line;
}

}  // namespace skep::net
