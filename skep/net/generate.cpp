// Plausible traffic: a fixed number of flows, each a small state machine; a packet is one step of a flow
// drawn at random, and a flow that ends is replaced by a new one.
#include "skep/net/generate.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <string_view>
#include <vector>

#include "skep/base/check.h"
#include "skep/net/checksum.h"
#include "skep/net/headers.h"

namespace skep::net {

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t z = seed;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    word = z ^ z >> 31;
  }
}

std::uint64_t Random::next() {
  std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void Random::fill(MutableBytes bytes) {
  while (bytes.size() >= 8) {
    base::store(bytes.data(), next(), std::endian::little);
    bytes = bytes.subspan(8);
  }
  for (std::uint64_t rest = next(); std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(rest);
    rest >>= 8;
  }
}

namespace {

constexpr std::uint64_t first_time_ns = 1'735'689'600ull * 1'000'000'000;  // 2025-01-01
constexpr std::uint32_t flow_count = 2048;
constexpr std::uint32_t mss = 1428;  // 1500 less IPv6, TCP and its time stamps

enum class Kind : std::uint8_t { web, bulk, dns, udp, icmp, arp };
// Shares of the packets; their mean size follows from them.
struct KindRow {
  Kind kind;
  std::uint32_t percent;
};
constexpr KindRow kinds[] = {{Kind::web, 31}, {Kind::bulk, 30}, {Kind::dns, 19},
                             {Kind::udp, 16}, {Kind::icmp, 3},  {Kind::arp, 1}};
consteval std::uint32_t percents() {
  std::uint32_t sum = 0;
  for (const KindRow& row : kinds) sum += row.percent;
  return sum;
}
static_assert(percents() == 100);

constexpr std::string_view hosts[] = {"www.example.com",  "cdn.example.net", "api.example.org",
                                      "mail.example.com", "img.example.net", "updates.example.org"};
constexpr std::string_view paths[] = {"/", "/index.html", "/img/logo.png", "/api/v1/items?page=2",
                                      "/style.css"};

struct Flow {
  Kind kind;
  bool ipv6;
  std::uint16_t vlan;  // 0: untagged
  std::uint8_t ttl;
  std::uint16_t client_port, server_port;
  Ipv6Address client, server;  // the last four bytes are the IPv4 address
  MacAddress client_mac, server_mac;
  std::uint32_t client_seq, server_seq, step, steps, id;
};

}  // namespace

struct TrafficGenerator::State {
  explicit State(std::uint64_t seed) : random(seed), flows(flow_count) {
    frame.reserve(2048);
    for (Flow& flow : flows) {
      flow.kind = draw_kind();  // and its successors': else the long-lived kinds would crowd out the others
      begin(flow);
      flow.step = random.below(flow.steps);  // a capture begins in the middle of most conversations
    }
  }

  Random random;
  std::vector<Flow> flows;
  Buffer frame;
  Buffer payload;
  std::uint64_t time_ns = first_time_ns;
  std::uint64_t number = 0;

  Kind draw_kind();
  void begin(Flow& flow);
  void step(Flow& flow);
  void tcp(Flow& flow);
  void dns(Flow& flow);
  void arp(Flow& flow);
  void icmp(Flow& flow);
  void text(std::string_view part) { payload.insert(payload.end(), part.begin(), part.end()); }
  void web_payload(bool request);

  template <class Header>
  void append(const Header& header) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(&header);
    frame.insert(frame.end(), at, at + sizeof header);
  }
  void link(const Flow& flow, bool up, std::uint16_t type);
  void ip(Flow& flow, bool up, std::uint8_t protocol, std::uint32_t length);
  // Appends the payload and fills the checksum at `check`, an offset from the transport header.
  void seal(const Flow& flow, bool up, std::uint8_t protocol, std::size_t transport, std::size_t check);
  void udp(Flow& flow, bool up);
  void tcp_segment(Flow& flow, bool up, std::uint8_t flags);
};

Kind TrafficGenerator::State::draw_kind() {
  std::uint32_t draw = random.below(100);
  for (const KindRow& row : kinds) {
    if (draw < row.percent) return row.kind;
    draw -= row.percent;
  }
  check(false, "the shares sum to 100");
  return Kind::arp;
}

void TrafficGenerator::State::begin(Flow& flow) {
  flow.ipv6 = random.percent(10) && flow.kind != Kind::arp;
  flow.vlan = random.percent(9) ? static_cast<std::uint16_t>(random.between(10, 14)) : std::uint16_t{0};
  flow.ttl = random.percent(50) ? 64 : 128;
  flow.client_port = static_cast<std::uint16_t>(random.between(32768, 60999));
  constexpr std::uint16_t udp_ports[] = {443, 123, 5060, 514, 27015};
  flow.server_port = flow.kind == Kind::web    ? 80
                     : flow.kind == Kind::bulk ? 443
                     : flow.kind == Kind::dns  ? 53
                                               : udp_ports[random.below(5)];
  constexpr std::uint8_t client_net[8] = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0x01};
  constexpr std::uint8_t server_net[8] = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0x02};
  constexpr std::uint8_t server_nets[3][3] = {{192, 0, 2}, {198, 51, 100}, {203, 0, 113}};
  flow.client = flow.server = {};
  std::ranges::copy(client_net, flow.client.begin());
  std::ranges::copy(server_net, flow.server.begin());
  flow.client[12] = 10;
  random.fill(MutableBytes(flow.client).subspan(13));
  std::ranges::copy(server_nets[random.below(3)], flow.server.begin() + 12);
  flow.server[15] = static_cast<std::uint8_t>(random.between(1, 254));
  flow.client_mac = {2, 0, flow.client[12], flow.client[13], flow.client[14], flow.client[15]};
  flow.server_mac = {2, 0, 0, 0, 0, 1};  // the router
  flow.client_seq = static_cast<std::uint32_t>(random.next());
  flow.server_seq = static_cast<std::uint32_t>(random.next());
  flow.id = random.below(65536);
  flow.step = 0;
  switch (flow.kind) {
    case Kind::web: flow.steps = 8 + random.below(12); break;
    case Kind::bulk: flow.steps = 12 + random.below(120); break;
    case Kind::dns: flow.steps = 2; break;
    case Kind::udp: flow.steps = 2 + random.below(40); break;
    case Kind::icmp: flow.steps = 2 * random.between(1, 5); break;
    case Kind::arp: flow.steps = 2; break;
  }
}

void TrafficGenerator::State::link(const Flow& flow, bool up, std::uint16_t type) {
  frame.clear();
  EthernetHeader ethernet{up ? flow.server_mac : flow.client_mac, up ? flow.client_mac : flow.server_mac,
                          flow.vlan ? ethertype::vlan : type};
  append(ethernet);
  if (flow.vlan) append(VlanTag{flow.vlan, type});
}

void TrafficGenerator::State::ip(Flow& flow, bool up, std::uint8_t protocol, std::uint32_t length) {
  link(flow, up, flow.ipv6 ? ethertype::ipv6 : ethertype::ipv4);
  const Ipv6Address& source = up ? flow.client : flow.server;
  const Ipv6Address& destination = up ? flow.server : flow.client;
  if (flow.ipv6) {
    append(Ipv6Header{0x60000000u | (flow.id & 0xfffff), static_cast<std::uint16_t>(length), protocol,
                      flow.ttl, source, destination});
    return;
  }
  Ipv4Header header{0x45,
                    0,
                    static_cast<std::uint16_t>(length + 20),
                    static_cast<std::uint16_t>(flow.id++),
                    0x4000,
                    flow.ttl,
                    protocol,
                    0,
                    {},
                    {}};
  std::copy_n(source.begin() + 12, 4, header.source.begin());
  std::copy_n(destination.begin() + 12, 4, header.destination.begin());
  header.checksum = internet_checksum(Bytes(reinterpret_cast<const std::uint8_t*>(&header), sizeof header));
  append(header);
}

void TrafficGenerator::State::seal(const Flow& flow, bool up, std::uint8_t protocol, std::size_t transport,
                                   std::size_t check) {
  frame.insert(frame.end(), payload.begin(), payload.end());
  Bytes body = Bytes(frame).subspan(transport);
  std::uint32_t sum = 0;
  if (protocol != ipproto::icmp) {
    std::size_t skip = flow.ipv6 ? 0 : 12;
    sum = pseudo_header_sum(Bytes(up ? flow.client : flow.server).subspan(skip),
                            Bytes(up ? flow.server : flow.client).subspan(skip), protocol,
                            static_cast<std::uint32_t>(body.size()));
  }
  std::uint16_t value = checksum_finish(checksum_add(body, sum));
  if (value == 0 && protocol == ipproto::udp) value = 0xffff;  // 0 would mean that there is none
  base::store(frame.data() + transport + check, value, std::endian::big);
}

void TrafficGenerator::State::udp(Flow& flow, bool up) {
  auto length = static_cast<std::uint16_t>(sizeof(UdpHeader) + payload.size());
  ip(flow, up, ipproto::udp, length);
  std::size_t transport = frame.size();
  append(UdpHeader{up ? flow.client_port : flow.server_port, up ? flow.server_port : flow.client_port, length,
                   0});
  seal(flow, up, ipproto::udp, transport, 6);
}

void TrafficGenerator::State::tcp_segment(Flow& flow, bool up, std::uint8_t flags) {
  bool syn = flags & tcp_flag::syn;
  constexpr std::uint8_t syn_options[12] = {2, 4, 0x05, 0xb4, 4, 2,
                                            1, 3, 3,    7,    1, 0};  // MSS 1460, SACK, scale
  std::uint8_t options[12] = {1, 1, 8, 10};                           // time stamps
  base::store(options + 4, static_cast<std::uint32_t>(time_ns / 1'000'000), std::endian::big);
  ip(flow, up, ipproto::tcp, static_cast<std::uint32_t>(sizeof(TcpHeader) + 12 + payload.size()));
  std::size_t transport = frame.size();
  std::uint32_t& seq = up ? flow.client_seq : flow.server_seq;
  std::uint32_t ack = flags & tcp_flag::ack ? (up ? flow.server_seq : flow.client_seq) : 0;
  append(TcpHeader{up ? flow.client_port : flow.server_port, up ? flow.server_port : flow.client_port, seq,
                   ack, 8 << 4, flags, syn ? std::uint16_t{64240} : std::uint16_t{501}, 0, 0});
  frame.insert(frame.end(), syn ? std::begin(syn_options) : std::begin(options),
               syn ? std::end(syn_options) : std::end(options));
  seal(flow, up, ipproto::tcp, transport, 16);
  seq += static_cast<std::uint32_t>(payload.size());
  if (flags & (tcp_flag::syn | tcp_flag::fin)) ++seq;
}

void TrafficGenerator::State::web_payload(bool request) {
  if (request) {
    text("GET ");
    text(paths[random.below(std::size(paths))]);
    text(" HTTP/1.1\r\nHost: ");
    text(hosts[random.below(std::size(hosts))]);
    text("\r\nUser-Agent: skep/1\r\nAccept: */*\r\n\r\n");
    return;
  }
  text("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::size_t size = random.between(400, mss - 100);
  while (payload.size() < size) text("<p>the quick brown fox jumps over the lazy dog</p>\n");
}

// Three steps of handshake, request and answers or bulk data with acknowledgements, three steps of goodbye.
void TrafficGenerator::State::tcp(Flow& flow) {
  using namespace tcp_flag;
  std::uint32_t left = flow.steps - flow.step;
  if (flow.step == 0) return tcp_segment(flow, true, syn);
  if (flow.step == 1) return tcp_segment(flow, false, syn | tcp_flag::ack);
  if (flow.step == 2) return tcp_segment(flow, true, tcp_flag::ack);
  if (left == 3) return tcp_segment(flow, true, fin | tcp_flag::ack);
  if (left == 2) return tcp_segment(flow, false, fin | tcp_flag::ack);
  if (left == 1) return tcp_segment(flow, true, tcp_flag::ack);
  if (flow.kind == Kind::web) {
    bool request = flow.step % 4 == 0;
    if (flow.step % 4 == 3) return tcp_segment(flow, true, tcp_flag::ack);
    web_payload(request);
    return tcp_segment(flow, request, psh | tcp_flag::ack);
  }
  if (flow.step % 5 == 4) return tcp_segment(flow, true, tcp_flag::ack);
  payload.resize(random.percent(95) ? mss : random.between(1, mss));
  random.fill(payload);
  tcp_segment(flow, false, tcp_flag::ack);
}

void TrafficGenerator::State::dns(Flow& flow) {
  bool question = flow.step % 2 == 0;
  std::string_view host = hosts[flow.id % std::size(hosts)];
  bool aaaa = (flow.client_port & 1) != 0;
  auto put = [this](auto value) {
    std::size_t at = payload.size();
    payload.resize(at + sizeof value);
    base::store(payload.data() + at, value, std::endian::big);
  };
  put(flow.client_port);  // any number serves as id; the answer must repeat it
  put(static_cast<std::uint16_t>(question ? 0x0100 : 0x8180));
  put(std::uint16_t{1});
  put(static_cast<std::uint16_t>(question ? 0 : 1));
  put(std::uint32_t{0});
  while (!host.empty()) {
    std::size_t dot = std::min(host.find('.'), host.size());
    put(static_cast<std::uint8_t>(dot));
    text(host.substr(0, dot));
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  put(std::uint8_t{0});
  std::uint16_t type = aaaa ? 28 : 1;
  put(type);
  put(std::uint16_t{1});
  if (!question) {
    put(std::uint16_t{0xc00c});  // the question's name
    put(type);
    put(std::uint16_t{1});
    put(std::uint32_t{300});
    std::size_t skip = aaaa ? 0 : 12;
    put(static_cast<std::uint16_t>(16 - skip));
    payload.insert(payload.end(), flow.server.begin() + static_cast<std::ptrdiff_t>(skip), flow.server.end());
  }
  udp(flow, question);
}

void TrafficGenerator::State::icmp(Flow& flow) {
  bool request = flow.step % 2 == 0;
  std::uint8_t type = flow.ipv6 ? (request ? 128 : 129) : (request ? 8 : 0);
  std::uint8_t protocol = flow.ipv6 ? ipproto::icmpv6 : ipproto::icmp;
  payload.resize(56);
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i);
  ip(flow, request, protocol,
     static_cast<std::uint32_t>(sizeof(IcmpHeader) + sizeof(IcmpEcho) + payload.size()));
  std::size_t transport = frame.size();
  append(IcmpHeader{type, 0, 0});
  append(IcmpEcho{flow.client_port, static_cast<std::uint16_t>(flow.step / 2 + 1)});
  seal(flow, request, protocol, transport, 2);
}

void TrafficGenerator::State::arp(Flow& flow) {
  bool request = flow.step % 2 == 0;
  link(flow, request, ethertype::arp);
  if (request) std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  append(ArpHeader{1, ethertype::ipv4, 6, 4, static_cast<std::uint16_t>(request ? 1 : 2)});
  constexpr Ipv4Address router{10, 0, 0, 1};
  Ipv4Address client{};
  std::copy_n(flow.client.begin() + 12, 4, client.begin());
  append(request ? flow.client_mac : flow.server_mac);
  append(request ? client : router);
  append(request ? MacAddress{} : flow.client_mac);
  append(request ? router : client);
}

void TrafficGenerator::State::step(Flow& flow) {
  payload.clear();
  switch (flow.kind) {
    case Kind::web:
    case Kind::bulk: tcp(flow); break;
    case Kind::dns: dns(flow); break;
    case Kind::udp:
      payload.resize(random.between(300, 1400));
      random.fill(payload);
      udp(flow, flow.step % 2 == 0);
      break;
    case Kind::icmp: icmp(flow); break;
    case Kind::arp: arp(flow); break;
  }
  if (frame.size() < 60) frame.resize(60);  // as the network card pads
  if (++flow.step >= flow.steps) begin(flow);
}

TrafficGenerator::TrafficGenerator(std::uint64_t seed) : state_(std::make_unique<State>(seed)) {}
TrafficGenerator::TrafficGenerator(TrafficGenerator&&) noexcept = default;
TrafficGenerator& TrafficGenerator::operator=(TrafficGenerator&&) noexcept = default;
TrafficGenerator::~TrafficGenerator() = default;

Packet TrafficGenerator::next() {
  State& state = *state_;
  state.step(state.flows[state.random.below(flow_count)]);
  state.time_ns += state.random.between(200, 20000);
  Packet packet;
  packet.data = state.frame;
  packet.original_length = static_cast<std::uint32_t>(state.frame.size());
  packet.time_ns = state.time_ns;
  packet.number = ++state.number;
  return packet;
}

}  // namespace skep::net
