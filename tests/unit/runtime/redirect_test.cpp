// Targets of redirects, dynptrs and lookups, without privileges: what tests/sys compares with the kernel
// where it may.
#include "programs.h"

namespace skep::runtime {
namespace {

using uapi::MapType;

class Redirects : public RuntimeTest {
 protected:
  long redirect_map(long map, std::int32_t key, std::int32_t flags) {
    long fd = load(program({map_fd(1, map), mov(2, key), mov(3, flags), call(51), exit_()}));
    EXPECT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    EXPECT_EQ(ran.error, 0) << sys->last_error();
    sys->close(static_cast<int>(fd));
    return ran.retval;
  }
};
using UnverifiedRedirects = Unverified<Redirects>;

TEST_F(Redirects, devmap) {
  long map = create_map(MapType::devmap, 4, 8, 4);
  ASSERT_GE(map, 0) << sys->last_error();
  std::uint32_t key = 2, value[2] = {1, 0}, nowhere[2] = {77, 0}, nothing[2] = {0, 0};
  EXPECT_EQ(redirect_map(map, 2, 2), 2);
  EXPECT_EQ(update(map, &key, value), 0);
  EXPECT_EQ(update(map, &key, nowhere), -EINVAL);
  EXPECT_NE(sys->last_error().find("ifindex 77"), std::string::npos);
  EXPECT_EQ(redirect_map(map, 2, 2), 4);
  EXPECT_EQ(redirect_map(map, 3, 2), 2);
  EXPECT_EQ(redirect_map(map, 99, 1), 1);
  EXPECT_EQ(redirect_map(map, 2, 32), 0);      // flags that do not exist
  EXPECT_EQ(redirect_map(map, 3, 8 | 16), 4);  // BPF_F_BROADCAST: to whatever is there
  std::uint32_t got[2] = {};
  EXPECT_EQ(lookup(map, &key, got), 0);
  EXPECT_EQ(got[0], 1u);
  EXPECT_EQ(update(map, &key, nothing), 0);
  EXPECT_EQ(lookup(map, &key, got), -ENOENT);
  EXPECT_EQ(redirect_map(map, 2, 3), 3);
}

TEST_F(Redirects, the_other_maps) {
  std::uint32_t key = 1, device = 1, queue = 64;
  long hash = create_map(MapType::devmap_hash, 4, 4, 2);
  EXPECT_EQ(update(hash, &key, &device), 0);
  EXPECT_EQ(redirect_map(hash, 1, 0), 4);
  EXPECT_EQ(redirect_map(hash, 7, 1), 1);
  long cpus = create_map(MapType::cpumap, 4, 4, 4);
  EXPECT_EQ(update(cpus, &key, &queue), 0);
  EXPECT_EQ(redirect_map(cpus, 1, 0), 4);
  EXPECT_EQ(redirect_map(cpus, 1, 8), 0);  // nothing to broadcast
  key = 3;
  EXPECT_EQ(update(cpus, &key, &queue), -ENODEV);  // two CPUs here
  queue = 16385;
  EXPECT_EQ(update(cpus, &key, &queue), -EOVERFLOW);
  long sockets = create_map(MapType::xskmap, 4, 4, 4);
  EXPECT_EQ(update(sockets, &key, &hash), -ENOTSOCK);
  EXPECT_EQ(redirect_map(sockets, 1, 2), 2);
}

TEST_F(UnverifiedRedirects, only_to_maps_that_take_packets) {
  long array = create_map(MapType::array, 4, 4, 4);
  long fd = load(program({map_fd(1, array), mov(2, 0), mov(3, 0), call(51), exit_()}));
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
  EXPECT_NE(sys->take_fault().value_or("").find("devmap"), std::string::npos);
}

TEST_F(Redirects, no_map_type_is_a_number) {
  EXPECT_EQ(create_map(MapType::stack_trace, 4, 8, 1), -EINVAL);
  EXPECT_NE(sys->last_error().find("map type stack_trace is not available"), std::string::npos)
      << sys->last_error();
}

TEST_F(Redirects, perf_events) {
  long map = create_map(MapType::perf_event_array, 4, 4, 2);
  auto output = [&](std::int32_t index_low, std::int32_t index_high) {
    long fd = load(program({st64(10, -8, 5), map_fd(2, map), lddw(3, 0, index_low, index_high),
                            mov_reg(4, 10), add(4, -8), mov(5, 8), call(25), exit_()}));
    EXPECT_GE(fd, 0) << log;
    return static_cast<std::int32_t>(run(fd, packet(60)).retval);
  };
  EXPECT_EQ(output(0, 0), -ENOENT);
  EXPECT_EQ(output(-1, 0), -ENOENT);  // BPF_F_CURRENT_CPU
  EXPECT_EQ(output(2, 0), -E2BIG);
  EXPECT_EQ(output(0, 60), -ENOENT);  // with 60 bytes of the packet
  EXPECT_EQ(output(0, 61), -EFAULT);
  EXPECT_EQ(output(0, 1 << 20), -EINVAL);
}

TEST_F(UnverifiedRedirects, forged_dynptrs_reach_nothing) {
  // data 0x1234000, 64 bytes, local: bytes that no helper wrote.
  long fd = load(program({lddw(1, 0, 0x1234000), stx64(10, -16, 1), lddw(1, 0, 64 | 1 << 28),
                          stx64(10, -8, 1), mov_reg(1, 10), add(1, -32), mov(2, 8), mov_reg(3, 10),
                          add(3, -16), mov(4, 0), mov(5, 0), call(201), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
  EXPECT_NE(sys->take_fault().value_or("").find("dynptr"), std::string::npos);
}

TEST_F(Redirects, dynptrs_of_map_values) {
  long map = create_map(MapType::array, 4, 16, 1);
  // Writes 8 bytes of the stack at offset 4 of the value; then past its end.
  auto write_at = [&](std::int32_t offset) {
    long fd = load(program({lddw(6, 0, 0x55667788, 0x11223344),
                            stx64(10, -8, 6),
                            st32(10, -12, 0),
                            map_fd(1, map),
                            mov_reg(2, 10),
                            add(2, -12),
                            call(1),
                            jne(0, 0, 2),
                            mov(0, 99),
                            exit_(),
                            mov_reg(1, 0),
                            mov(2, 16),
                            mov(3, 0),
                            mov_reg(4, 10),
                            add(4, -32),
                            call(197),
                            mov_reg(1, 10),
                            add(1, -32),
                            mov(2, offset),
                            mov_reg(3, 10),
                            add(3, -8),
                            mov(4, 8),
                            mov(5, 0),
                            call(202),
                            exit_()}));
    EXPECT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    EXPECT_EQ(ran.error, 0) << sys->last_error();
    return static_cast<std::int32_t>(ran.retval);
  };
  EXPECT_EQ(write_at(4), 0);
  EXPECT_EQ(write_at(9), -E2BIG);
  std::uint32_t key = 0, value[4] = {};
  EXPECT_EQ(lookup(map, &key, value), 0);
  EXPECT_EQ(value[1], 0x55667788u);
  EXPECT_EQ(value[2], 0x11223344u);
}

TEST_F(UnverifiedRedirects, spin_locks_only_where_they_are) {
  long map = create_map(MapType::array, 4, 16, 1);  // without BTF: no lock in its values
  long fd = load(program({st32(10, -4, 0), map_fd(1, map), mov_reg(2, 10), add(2, -4), call(1), jne(0, 0, 2),
                          mov(0, 0), exit_(), mov_reg(1, 0), call(93), mov(0, 0), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
  EXPECT_NE(sys->take_fault().value_or("").find("bpf_spin_lock takes a lock"), std::string::npos);
}

TEST_F(Redirects, routes) {
  Route far, near;
  far.prefix = {10, 0, 0, 0};
  far.prefix_bits = 8;
  far.ifindex = 1;
  near = far;
  near.prefix = {10, 1, 2, 0};
  near.prefix_bits = 23;
  near.mtu = 100;
  near.gateway = IpAddress{10, 1, 2, 254};
  near.macs = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}};
  Route both[] = {far, near};
  // r0 = fib_lookup | ifindex << 8 | last byte of the destination << 16 | last byte of dmac << 24
  auto ask = [&](std::int32_t family, std::int32_t length, std::int32_t to, std::int32_t ifindex) {
    long fd = load(program({mov_reg(6, 1),
                            st64(10, -64, 0),
                            st64(10, -56, 0),
                            st64(10, -48, 0),
                            st64(10, -40, 0),
                            st64(10, -32, 0),
                            st64(10, -24, 0),
                            st64(10, -16, 0),
                            st64(10, -8, 0),
                            st32(10, -64, family),
                            insn(0x6a, 10, 0, -58, length),
                            st32(10, -56, ifindex),
                            st32(10, -32, to),
                            mov_reg(1, 6),
                            mov_reg(2, 10),
                            add(2, -64),
                            mov(3, 64),
                            mov(4, 0),
                            call(69),
                            ldx8(1, 10, -29),
                            insn(0x67, 1, 0, 0, 16),
                            insn(0x4f, 0, 1, 0, 0),
                            ldx8(1, 10, -1),
                            insn(0x67, 1, 0, 0, 24),
                            insn(0x4f, 0, 1, 0, 0),
                            exit_()}));
    EXPECT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    EXPECT_EQ(ran.error, 0) << sys->last_error();
    return ran.retval;
  };
  std::int32_t inside = 0x0503010a, close = 0x0503020a;  // 10.1.3.5, 10.2.3.5 in the order of the wire
  EXPECT_EQ(ask(2, 0, inside, 1) & 0xff, 4u);            // no routes: not forwarded
  runtime->set_routes(both);
  EXPECT_EQ(ask(2, 0, inside, 1), 0u | 254u << 16 | 12u << 24);
  EXPECT_EQ(ask(2, 101, inside, 1) & 0xff, 8u);  // longer than the MTU
  EXPECT_EQ(ask(2, 0, close, 1) & 0xff, 7u);     // no neighbour
  EXPECT_EQ(ask(2, 0, 0x01010101, 1) & 0xff, 4u);
  EXPECT_EQ(static_cast<std::int32_t>(ask(2, 0, 0, 9)), -ENODEV);
  EXPECT_EQ(static_cast<std::int32_t>(ask(1, 0, 0, 1)), -EAFNOSUPPORT);
}

TEST_F(UnverifiedRedirects, sockets) {
  SocketEntry listening, connected;
  listening.local_port = 80;
  listening.mark = 5;
  connected = listening;
  connected.local = {10, 0, 0, 1};
  connected.remote = {10, 0, 0, 2};
  connected.remote_port = 4000;
  connected.mark = 6;
  connected.state = 1;
  SocketEntry both[] = {listening, connected};
  runtime->set_sockets(both);
  // The mark of the socket that 10.0.0.2:`port` -> 10.0.0.1:80 belongs to; 1000 without one.
  auto mark = [&](int port, int helper, bool use_after = false) {
    auto ports = static_cast<std::int32_t>((port >> 8 & 0xff) | (port & 0xff) << 8 | 80 << 24);
    Program code =
        program({st32(10, -12, 0x0200000a), st32(10, -8, 0x0100000a), st32(10, -4, ports), mov_reg(2, 10),
                 add(2, -12), mov(3, 12), mov(4, -1), mov(5, 0), call(helper), jne(0, 0, 2), mov(0, 1000),
                 exit_(), ldx32(6, 0, 16), mov_reg(7, 0), mov_reg(1, 0), call(86)});
    if (use_after) code.push_back(ldx32(6, 7, 16));
    code.push_back(mov_reg(0, 6));
    code.push_back(exit_());
    long fd = load(code);
    EXPECT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    return ran.error ? ran.error : static_cast<long>(ran.retval);
  };
  EXPECT_EQ(mark(4000, 84), 6);
  EXPECT_EQ(mark(4001, 84), 5);
  EXPECT_EQ(mark(4000, 99), 6);
  EXPECT_EQ(mark(4000, 85), 1000);           // no UDP sockets
  EXPECT_EQ(mark(4000, 84, true), -EFAULT);  // read after release
}

}  // namespace
}  // namespace skep::runtime
