// Helpers that ask the network stack where a packet goes and whose it is: bpf_fib_lookup over the runtime's
// routes, the socket lookups over its sockets. Facts: man 7 bpf-helpers, include/uapi/linux/bpf.h (struct
// bpf_fib_lookup, struct bpf_sock_tuple, struct bpf_sock).
//
// There is one network namespace, without neighbour discovery, policy routing (BPF_FIB_LOOKUP_TBID and _MARK
// find the same routes) and VRFs; forwarding is enabled on every device.
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "skep/runtime/cpu.h"
#include "skep/runtime/helpers.h"
#include "skep/runtime/state.h"

namespace skep::runtime {

using image::RunContext;
using std::uint64_t;

namespace {

// struct bpf_fib_lookup.
struct FibLookup {
  std::uint8_t family, l4_protocol;
  std::uint16_t sport, dport;
  std::uint16_t tot_len;  // out: mtu_result
  std::uint32_t ifindex;
  std::uint32_t tos;  // out: rt_metric
  IpAddress source, destination;
  std::uint16_t vlan_proto, vlan_tci;
  std::array<std::uint8_t, 6> smac, dmac;
};
static_assert(sizeof(FibLookup) == 64);

constexpr uint64_t fib_skip_neigh = 4, fib_src = 16, fib_flags = 63;  // BPF_FIB_LOOKUP_*
enum : uint64_t {
  fib_success = 0,
  fib_not_forwarded = 4,
  fib_no_neigh = 7,
  fib_frag_needed = 8,
  fib_no_source = 9
};

std::size_t address_bytes(bool ipv6) { return ipv6 ? 16 : 4; }

bool prefix_matches(const Route& route, const IpAddress& address) {
  std::size_t whole = route.prefix_bits / 8, rest = route.prefix_bits % 8;
  if (std::memcmp(route.prefix.data(), address.data(), whole) != 0) return false;
  return rest == 0 || ((route.prefix[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

const Route* find_route(const std::vector<Route>* routes, bool ipv6, const IpAddress& to) {
  const Route* best = nullptr;
  if (!routes) return nullptr;
  for (const Route& route : *routes)
    if (route.ipv6 == ipv6 && prefix_matches(route, to) && (!best || route.prefix_bits > best->prefix_bits))
      best = &route;
  return best;
}

// Addresses of the other family's length stay as the program left them.
void set_address(IpAddress& to, const IpAddress& from, bool ipv6) {
  std::memcpy(to.data(), from.data(), address_bytes(ipv6));
}

uint64_t look_up(FibLookup& params, uint64_t flags, RunContext* ctx) {
  const Runtime::State& state = cpu_of(ctx).state;
  bool ipv6 = params.family == AF_INET6;
  if (!ipv6 && params.family != AF_INET) return r0(-EAFNOSUPPORT);
  if (!state.find_device(params.ifindex)) return r0(-ENODEV);
  const Route* route = find_route(state.routes.load(std::memory_order_acquire), ipv6, params.destination);
  if (!route) return fib_not_forwarded;
  // A tc program that names no length is asked about its own packet, once the route is there.
  bool by_packet = ctx->image->type != uapi::ProgType::xdp && params.tot_len == 0;
  if (!by_packet && params.tot_len > route->mtu) {
    params.tot_len = route->mtu;
    return fib_frag_needed;
  }
  params.tos = route->metric;
  params.ifindex = route->ifindex;
  if (route->gateway) set_address(params.destination, *route->gateway, ipv6);
  if (flags & fib_src) {
    if (!route->source) return fib_no_source;
    set_address(params.source, *route->source, ipv6);
  }
  if (!(flags & fib_skip_neigh)) {
    if (!route->macs) return fib_no_neigh;
    params.smac = route->macs->first;
    params.dmac = route->macs->second;
  }
  params.vlan_proto = params.vlan_tci = 0;
  params.tot_len = route->mtu;
  bool fits = !by_packet || cpu_of(ctx).buffer_bytes() <= route->mtu + ethernet_bytes;
  return fits ? fib_success : fib_frag_needed;
}

uint64_t fib_lookup(uint64_t, uint64_t params_at, uint64_t size, uint64_t flags, uint64_t, RunContext* ctx) {
  if (static_cast<std::uint32_t>(size) < sizeof(FibLookup) || (flags & 0xffffffff & ~fib_flags))
    return r0(-EINVAL);
  FibLookup params;
  std::memcpy(&params, at<void>(params_at), sizeof params);
  uint64_t result = look_up(params, flags, ctx);
  std::memcpy(at<void>(params_at), &params, sizeof params);
  return result;
}

// struct bpf_sock_tuple: remote and local address, remote and local port, all in the order of the wire.
struct Tuple {
  bool ipv6 = false;
  IpAddress remote{}, local{};
  std::uint16_t remote_port = 0, local_port = 0;
};

std::uint16_t wire16(const std::uint8_t* from) { return static_cast<std::uint16_t>(from[0] << 8 | from[1]); }

bool read_tuple(const std::uint8_t* from, std::uint32_t size, Tuple& tuple) {
  if (size != 12 && size != 36) return false;
  tuple.ipv6 = size == 36;
  std::size_t bytes = address_bytes(tuple.ipv6);
  std::memcpy(tuple.remote.data(), from, bytes);
  std::memcpy(tuple.local.data(), from + bytes, bytes);
  tuple.remote_port = wire16(from + 2 * bytes);
  tuple.local_port = wire16(from + 2 * bytes + 2);
  return true;
}

// How well a socket fits: connected ones before those bound to the address before those bound to any; 0: not.
int score(const SocketEntry& socket, const Tuple& tuple, std::uint8_t protocol) {
  if (socket.ipv6 != tuple.ipv6 || socket.protocol != protocol || socket.local_port != tuple.local_port)
    return 0;
  bool any = socket.local == IpAddress{};
  if (!any && socket.local != tuple.local) return 0;
  if (socket.remote_port) {
    bool same = socket.remote == tuple.remote && socket.remote_port == tuple.remote_port;
    return same ? (any ? 3 : 4) : 0;
  }
  return any ? 1 : 2;
}

// A found socket is a region until it is released.
constexpr const char* socket_name = "socket";
constexpr std::ptrdiff_t most_held = 64;
bool is_socket(const image::Region& region) { return region.name == socket_name; }

uint64_t find_socket(uint64_t tuple_at, uint64_t size, uint64_t netns, uint64_t flags, std::uint8_t protocol,
                     RunContext* ctx) {
  Tuple tuple;
  // BPF_F_CURRENT_NETNS: there is no other namespace to name.
  if (flags || static_cast<std::int32_t>(netns) != -1 ||
      !read_tuple(at<std::uint8_t>(tuple_at), static_cast<std::uint32_t>(size), tuple))
    return 0;
  const Sockets* sockets = cpu_of(ctx).state.sockets.load(std::memory_order_acquire);
  if (!sockets) return 0;
  const BpfSock* best = nullptr;
  int best_score = 0;
  for (std::size_t i = 0; i < sockets->entries.size(); i++)
    if (int s = score(sockets->entries[i], tuple, protocol); s > best_score) {
      best_score = s;
      best = &sockets->seen[i];
    }
  auto found = reinterpret_cast<uint64_t>(best);
  if (found && ctx->regions) {
    auto held = std::ranges::count_if(ctx->regions->all(), is_socket);
    if (held >= most_held) {
      ctx->fault = "more than 64 sockets are held; bpf_sk_release gives one back";
      return 0;
    }
    image::Region region;
    region.base = found;
    region.size = sizeof *best;
    region.name = socket_name;
    ctx->regions->add(region);
  }
  return found;
}

uint64_t sk_lookup_tcp(uint64_t, uint64_t tuple, uint64_t size, uint64_t netns, uint64_t flags,
                       RunContext* ctx) {
  return find_socket(tuple, size, netns, flags, 6, ctx);
}
uint64_t sk_lookup_udp(uint64_t, uint64_t tuple, uint64_t size, uint64_t netns, uint64_t flags,
                       RunContext* ctx) {
  return find_socket(tuple, size, netns, flags, 17, ctx);
}

// Gives back one reference: the region that the lookup made.
uint64_t sk_release(uint64_t socket, uint64_t, uint64_t, uint64_t, uint64_t, RunContext* ctx) {
  if (!ctx->regions) return 0;
  const image::Region* region = ctx->regions->find(socket);
  if (!region || region->base != socket || !is_socket(*region)) {
    ctx->fault = "not a socket that a lookup of this run gave";
    return r0(-EINVAL);
  }
  ctx->regions->remove(socket);
  return 0;
}

constexpr HelperEntry table[] = {
    {69, "fib_lookup", fib_lookup},        {84, "sk_lookup_tcp", sk_lookup_tcp},
    {85, "sk_lookup_udp", sk_lookup_udp},  {86, "sk_release", sk_release},
    {99, "skc_lookup_tcp", sk_lookup_tcp},
};

BpfSock seen_by_programs(const SocketEntry& socket) {
  BpfSock out{};
  out.bound_dev_if = socket.bound_ifindex;
  out.family = socket.ipv6 ? AF_INET6 : AF_INET;
  out.type = socket.protocol == 6 ? SOCK_STREAM : SOCK_DGRAM;
  out.protocol = socket.protocol;
  out.mark = socket.mark;
  out.priority = socket.priority;
  void* local = socket.ipv6 ? static_cast<void*>(out.src_ip6) : &out.src_ip4;
  void* remote = socket.ipv6 ? static_cast<void*>(out.dst_ip6) : &out.dst_ip4;
  std::memcpy(local, socket.local.data(), address_bytes(socket.ipv6));
  std::memcpy(remote, socket.remote.data(), address_bytes(socket.ipv6));
  out.src_port = socket.local_port;
  out.dst_port = __builtin_bswap16(socket.remote_port);
  if constexpr (std::endian::native == std::endian::big) out.dst_port = socket.remote_port;
  out.state = socket.state;
  out.rx_queue_mapping = -1;
  return out;
}

// Publishes a table and lets the old one live until no run can hold it.
template <class T>
void replace(Runtime::State& state, std::shared_ptr<const T>& owner, std::atomic<const T*>& published,
             std::shared_ptr<const T> table) {
  std::lock_guard lock(state.tables_lock);
  published.store(table.get(), std::memory_order_release);
  std::swap(owner, table);
  if (table) state.graveyard.retire(std::const_pointer_cast<T>(table));
}

}  // namespace

std::span<const HelperEntry> lookup_helpers() { return table; }

void Runtime::set_routes(std::span<const Route> routes) {
  replace(*state_, state_->routes_owner, state_->routes,
          std::make_shared<const std::vector<Route>>(routes.begin(), routes.end()));
}

void Runtime::set_sockets(std::span<const SocketEntry> sockets) {
  auto table = std::make_shared<Sockets>();
  table->entries.assign(sockets.begin(), sockets.end());
  for (const SocketEntry& socket : sockets) table->seen.push_back(seen_by_programs(socket));
  replace<Sockets>(*state_, state_->sockets_owner, state_->sockets, table);
}

}  // namespace skep::runtime
