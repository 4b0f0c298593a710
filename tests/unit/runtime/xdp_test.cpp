// XDP programs from load to verdict, through Sys.
#include "programs.h"

namespace skep::runtime {
namespace {

using uapi::Command;
using uapi::MapType;

class Xdp : public RuntimeTest {};
using UnverifiedXdp = Unverified<Xdp>;

TEST_F(Xdp, pass_and_drop) {
  for (int verdict : {0, 1, 2, 3, 4, 77}) {
    long fd = load(program({mov(0, verdict), exit_()}));
    ASSERT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    EXPECT_EQ(ran.error, 0) << sys->last_error();
    EXPECT_EQ(ran.retval, static_cast<std::uint32_t>(verdict));
    EXPECT_EQ(ran.packet, packet(60));
    EXPECT_EQ(sys->close(static_cast<int>(fd)), 0);
  }
}

// r0 = first byte of the packet after a bounds check.
TEST_F(Xdp, reads_and_writes_the_packet) {
  long fd = load(program({ldx32(2, 1, 0), ldx32(3, 1, 4), mov_reg(4, 2), add(4, 14), mov(0, 1),
                          jgt_reg(4, 3, 2), ldx8(0, 2, 13), st8(2, 0, 0x99), exit_()}));
  ASSERT_GE(fd, 0) << log;
  Ran ran = run(fd, packet(60));
  ASSERT_EQ(ran.error, 0) << sys->last_error();
  EXPECT_EQ(ran.retval, 13u);
  EXPECT_EQ(ran.packet[0], 0x99);
}

TEST_F(Xdp, counts_in_maps) {
  for (auto [type, size] : {std::pair{MapType::array, 1u},
                            {MapType::hash, 1u},
                            {MapType::percpu_array, 2u},
                            {MapType::percpu_hash, 2u},
                            {MapType::lru_hash, 1u}}) {
    long map = create_map(type, 4, 8, 4);
    ASSERT_GE(map, 0) << sys->last_error();
    std::uint32_t key = 3;
    std::uint64_t value[2] = {};
    ASSERT_EQ(update(map, &key, value), 0);
    long fd = load(program({st32(10, -4, 3), map_fd(1, map), mov_reg(2, 10), add(2, -4), call(1),
                            jeq(0, 0, 3), ldx64(1, 0, 0), add(1, 1), stx64(0, 0, 1), mov(0, 2), exit_()}));
    ASSERT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60), 1000);
    ASSERT_EQ(ran.error, 0) << sys->last_error();
    EXPECT_EQ(ran.retval, 2u);
    ASSERT_EQ(lookup(map, &key, value), 0);
    EXPECT_EQ(value[0] + (size == 2 ? value[1] : 0), 1000u);
  }
}

TEST_F(Xdp, moves_the_head) {
  long grow = load(program({mov(2, -14), call(44), exit_()}));
  ASSERT_GE(grow, 0) << log;
  Ran ran = run(grow, packet(60));
  ASSERT_EQ(ran.error, 0) << sys->last_error();
  EXPECT_EQ(ran.retval, 0u);
  ASSERT_EQ(ran.packet.size(), 74u);
  EXPECT_EQ(ran.packet[14], 0);
  EXPECT_EQ(ran.packet[73], 59);

  // The packet stays moved over the repeats: 256 - 40 bytes of headroom, 15 times 14.
  EXPECT_EQ(run(grow, packet(60), 15).size, 60u + 15 * 14);
  EXPECT_EQ(run(grow, packet(60), 15).retval, 0u);
  EXPECT_EQ(run(grow, packet(60), 16).retval, static_cast<std::uint32_t>(-EINVAL));

  long shrink = load(program({mov(2, 47), call(44), exit_()}));
  EXPECT_EQ(run(shrink, packet(60)).retval, static_cast<std::uint32_t>(-EINVAL));
  EXPECT_EQ(run(shrink, packet(61)).size, 14u);
}

TEST_F(Xdp, moves_the_tail) {
  long grow = load(program({mov(2, 100), call(65), exit_()}));
  Ran ran = run(grow, packet(60));
  EXPECT_EQ(ran.retval, 0u);
  ASSERT_EQ(ran.packet.size(), 160u);
  for (std::size_t i = 60; i < 160; i++) EXPECT_EQ(ran.packet[i], 0);
  EXPECT_EQ(run(grow, packet(3420)).retval, 0u);
  EXPECT_EQ(run(grow, packet(3421)).retval, static_cast<std::uint32_t>(-EINVAL));
}

// A pointer into the packet that was read before adjust_head is dead afterwards.
TEST_F(UnverifiedXdp, stale_packet_pointer_faults) {
  long fd = load(program({mov_reg(6, 1), ldx32(7, 1, 0), mov(2, 20), call(44), ldx8(0, 7, 0), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
  auto fault = sys->take_fault();
  ASSERT_TRUE(fault);
  EXPECT_NE(fault->find("insn 4"), std::string::npos) << *fault;
  EXPECT_FALSE(sys->take_fault());
  EXPECT_EQ(run(load(program({mov(0, 2), exit_()})), packet(60)).error, 0);
}

TEST_F(UnverifiedXdp, faults_name_the_place) {
  struct {
    Program code;
    const char* says;
  } cases[] = {
      {program({mov(1, 0), ldx64(0, 1, 8), exit_()}), "insn 1"},
      {program({ldx32(2, 1, 4), ldx8(0, 2, 0), exit_()}), "insn 1"},      // at data_end
      {program({ldx32(2, 1, 0), ldx8(0, 2, 60), exit_()}), "insn 1"},     // beyond the packet
      {program({mov(0, 0), ja(-2), exit_()}), "insn"},                    // never ends
      {program({st64(10, -8, 1), ldx64(0, 10, -16), exit_()}), nullptr},  // unwritten stack
  };
  for (auto& c : cases) {
    long fd = load(c.code);
    ASSERT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    if (!c.says) continue;
    EXPECT_EQ(ran.error, -EFAULT) << c.says << " in case " << &c - cases;
    auto fault = sys->take_fault();
    ASSERT_TRUE(fault);
    EXPECT_NE(fault->find(c.says), std::string::npos) << *fault;
  }
}

TEST_F(UnverifiedXdp, crossing_a_map_value_faults) {
  long map = create_map(MapType::array, 4, 4, 2);
  long fd = load(program({st32(10, -4, 0), map_fd(1, map), mov_reg(2, 10), add(2, -4), call(1), jeq(0, 0, 1),
                          ldx64(0, 0, 0), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
  EXPECT_TRUE(sys->take_fault());
}

TEST_F(Xdp, context_in_and_out) {
  // Metadata of 8 bytes; the program adds 4 more and answers data - data_meta.
  long fd = load(program({mov_reg(6, 1), mov(2, -4), call(54), jne(0, 0, 4), ldx32(0, 6, 0), ldx32(2, 6, 8),
                          insn(0x1f, 0, 2, 0, 0), exit_(), mov(0, 99), exit_()}));
  ASSERT_GE(fd, 0) << log;
  std::uint32_t in[6] = {8, 68, 0, 0, 0, 0}, out[6] = {};
  auto bytes = packet(68);
  std::uint8_t back[100];
  uapi::ProgTestRunAttr attr{};
  attr.prog_fd = static_cast<std::uint32_t>(fd);
  attr.data_in = reinterpret_cast<std::uint64_t>(bytes.data());
  attr.data_size_in = 68;
  attr.data_out = reinterpret_cast<std::uint64_t>(back);
  attr.data_size_out = sizeof back;
  attr.ctx_in = reinterpret_cast<std::uint64_t>(in);
  attr.ctx_size_in = sizeof in;
  attr.ctx_out = reinterpret_cast<std::uint64_t>(out);
  attr.ctx_size_out = sizeof out;
  ASSERT_EQ(bpf(Command::prog_test_run, attr), 0) << sys->last_error();
  EXPECT_EQ(attr.retval, 12u);
  EXPECT_EQ(attr.data_size_out, 72u);
  EXPECT_EQ(out[0], 12u);
  EXPECT_EQ(out[1], 72u);
  EXPECT_EQ(attr.ctx_size_out, sizeof out);

  auto refused = [&](std::initializer_list<std::uint32_t> fields) {
    std::copy(fields.begin(), fields.end(), in);
    attr.ctx_size_out = sizeof out;
    attr.data_size_out = sizeof back;
    return bpf(Command::prog_test_run, attr);
  };
  EXPECT_EQ(refused({8, 69, 0, 0, 0, 0}), -EINVAL);   // data_end beyond the packet
  EXPECT_EQ(refused({8, 68, 1, 0, 0, 0}), -EINVAL);   // data_meta must be 0
  EXPECT_EQ(refused({6, 68, 0, 0, 0, 0}), -EINVAL);   // metadata comes in words
  EXPECT_EQ(refused({60, 68, 0, 0, 0, 0}), -EINVAL);  // less than an Ethernet header left
  EXPECT_EQ(refused({8, 68, 0, 0, 1, 0}), -EINVAL);   // a queue without a device
  EXPECT_EQ(refused({8, 68, 0, 0, 0, 1}), -EINVAL);
  EXPECT_EQ(refused({8, 68, 0, 4711, 0, 0}), -ENODEV);
}

TEST_F(Xdp, sizes_of_packets) {
  // r0 = data_end - data; whole length by bpf_xdp_get_buff_len.
  long linear = load(program({ldx32(0, 1, 4), ldx32(2, 1, 0), insn(0x1f, 0, 2, 0, 0), exit_()}));
  long whole = load(program({call(188), exit_()}));
  EXPECT_EQ(run(linear, packet(13)).error, -EINVAL);
  for (std::size_t size : {14u, 3520u, 3521u, 9000u, 65535u}) {
    Ran ran = run(linear, packet(size));
    ASSERT_EQ(ran.error, 0) << size;
    EXPECT_EQ(ran.retval, std::min<std::size_t>(size, 3520));
    EXPECT_EQ(ran.packet, packet(size));
    EXPECT_EQ(run(whole, packet(size)).retval, size);
  }
  EXPECT_EQ(run(linear, packet(3520 + 17 * 4096 + 1)).error, -ENOMEM);

  // The output is cut with ENOSPC, its real size told.
  auto bytes = packet(100);
  std::uint8_t out[10];
  uapi::ProgTestRunAttr attr{};
  attr.prog_fd = static_cast<std::uint32_t>(linear);
  attr.data_in = reinterpret_cast<std::uint64_t>(bytes.data());
  attr.data_size_in = 100;
  attr.data_out = reinterpret_cast<std::uint64_t>(out);
  attr.data_size_out = sizeof out;
  EXPECT_EQ(bpf(Command::prog_test_run, attr), -ENOSPC);
  EXPECT_EQ(attr.data_size_out, 100u);
  EXPECT_EQ(std::memcmp(out, bytes.data(), 10), 0);
  attr.flags = 1;
  EXPECT_EQ(bpf(Command::prog_test_run, attr), -EINVAL);
}

TEST_F(Xdp, prints) {
  std::vector<std::string> lines;
  runtime->on_printk(
      [](void* user, std::string_view line) {
        static_cast<std::vector<std::string>*>(user)->emplace_back(line);
      },
      &lines);
  // "n=%d\n" on the stack.
  long fd = load(program({lddw(1, 0, 0x64253d6e, 0x0000000a), stx64(10, -8, 1), mov_reg(1, 10), add(1, -8),
                          mov(2, 6), mov(3, -7), call(6), exit_()}));
  ASSERT_GE(fd, 0) << log;
  Ran ran = run(fd, packet(60));
  ASSERT_EQ(ran.error, 0) << sys->last_error();
  EXPECT_EQ(ran.retval, 5u);
  EXPECT_EQ(lines, std::vector<std::string>{"n=-7"});
}

TEST_F(Xdp, ring_buffer_to_a_reader) {
  long map = create_map(MapType::ringbuf, 0, 0, 4096);
  ASSERT_GE(map, 0) << sys->last_error();
  // Reserve 16 bytes, write 8, submit; then a record that is discarded.
  long fd = load(program({map_fd(1, map), mov(2, 16), mov(3, 0), call(131), jeq(0, 0, 4), st64(0, 0, 1234),
                          mov_reg(1, 0), mov(2, 0), call(132), map_fd(1, map), mov(2, 8), mov(3, 0),
                          call(131), jeq(0, 0, 3), mov_reg(1, 0), mov(2, 0), call(133), mov(0, 2), exit_()}));
  ASSERT_GE(fd, 0) << log;
  uapi::WaitItem item{static_cast<int>(map)};
  EXPECT_EQ(sys->wait({&item, 1}, 0), 0);
  ASSERT_EQ(run(fd, packet(60)).error, 0) << sys->last_error();
  EXPECT_EQ(sys->wait({&item, 1}, 0), 1);
  EXPECT_TRUE(item.ready);
  void* at;
  ASSERT_EQ(sys->map(static_cast<int>(map), 4096, 4096 + 8192, false, &at), 0);
  auto* words = static_cast<std::uint32_t*>(at);
  EXPECT_EQ(words[0], 24u + 16);  // producer position
  EXPECT_EQ(words[1024], 16u);
  EXPECT_EQ(words[1026], 1234u);
  EXPECT_EQ(words[1024 + 6], 8u | 1u << 30);
  EXPECT_EQ(sys->unmap(at, 4096 + 8192), 0);
}

// A record given back is no memory of the program any more.
TEST_F(UnverifiedXdp, submitted_record_faults) {
  long map = create_map(MapType::ringbuf, 0, 0, 4096);
  long fd = load(program({map_fd(1, map), mov(2, 16), mov(3, 0), call(131), jeq(0, 0, 5), mov_reg(6, 0),
                          mov_reg(1, 0), mov(2, 0), call(132), st64(6, 0, 1), mov(0, 2), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
}

TEST_F(UnverifiedXdp, local_calls_and_loops) {
  // bpf_loop(10, callback, &sum, 0); callback adds its index.
  Program code = program({st64(10, -8, 0), mov(1, 10), lddw(2, 4, 7), mov_reg(3, 10), add(3, -8), mov(4, 0),
                          call(181), ldx64(0, 10, -8), exit_(), ldx64(3, 2, 0), insn(0x0f, 3, 1, 0, 0),
                          stx64(2, 0, 3), mov(0, 0), exit_()});
  long fd = load(code);
  ASSERT_GE(fd, 0) << log;
  Ran ran = run(fd, packet(60));
  ASSERT_EQ(ran.error, 0) << sys->last_error();
  EXPECT_EQ(ran.retval, 45u);

  fd = load(program({mov(1, 20), call_local(1), exit_(), mov_reg(0, 1), add(0, 22), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).retval, 42u);
}

TEST_F(Xdp, direct_map_value) {
  long map = create_map(MapType::array, 4, 16, 1);
  std::uint32_t key = 0;
  std::uint64_t value[2] = {5, 6};
  ASSERT_EQ(update(map, &key, value), 0);
  long fd = load(program({lddw(1, 2, static_cast<std::int32_t>(map), 8), ldx64(0, 1, 0), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).retval, 6u);
  EXPECT_EQ(load(program({lddw(1, 2, static_cast<std::int32_t>(map), 16), mov(0, 0), exit_()})), -EINVAL);
}

TEST_F(Xdp, tail_calls) {
  long map = create_map(MapType::prog_array, 4, 4, 3);
  ASSERT_GE(map, 0) << sys->last_error();
  long target = load(program({mov(0, 7), exit_()}));
  long fd = load(program({mov_reg(6, 1), map_fd(2, map), mov(3, 1), call(12), mov(0, 2), exit_()}));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).retval, 2u);  // nothing there: it goes on
  std::uint32_t key = 1, value = static_cast<std::uint32_t>(target);
  ASSERT_EQ(update(map, &key, &value), 0) << sys->last_error();
  sys->close(static_cast<int>(target));  // the array keeps it
  EXPECT_EQ(run(fd, packet(60)).retval, 7u);
  EXPECT_EQ(lookup(map, &key, &value), 0);
  EXPECT_NE(value, 0u);
  value = 4711;
  EXPECT_EQ(update(map, &key, &value), -EBADF);

  // A program that calls itself ends after 33 calls.
  value = static_cast<std::uint32_t>(fd);
  ASSERT_EQ(update(map, &key, &value), 0);
  EXPECT_EQ(run(fd, packet(60)).retval, 2u);

  // Programs with and without frags do not mix.
  Program code = program({mov(0, 1), exit_()});
  auto attr = load_attr(code);
  attr.prog_flags = 1u << 5;
  long frags = bpf(Command::prog_load, attr);
  ASSERT_GE(frags, 0);
  value = static_cast<std::uint32_t>(frags);
  EXPECT_EQ(update(map, &key, &value), -EINVAL);
  EXPECT_EQ(load(program(
                {map_fd(1, map), mov_reg(2, 10), add(2, -4), st32(10, -4, 0), call(1), mov(0, 0), exit_()})),
            -EINVAL);
  EXPECT_NE(std::strstr(log, "cannot pass map_type 3 into func bpf_map_lookup_elem"), nullptr) << log;
  // The array holds a program that holds the array: emptied, both may go.
  auto empty = element(map, &key, nullptr);
  EXPECT_EQ(bpf(Command::map_delete_elem, empty), 0);
}

TEST_F(Xdp, maps_in_maps) {
  long inner = create_map(MapType::array, 4, 8, 2), wrong = create_map(MapType::array, 4, 16, 2);
  for (auto type : {MapType::array_of_maps, MapType::hash_of_maps}) {
    uapi::MapCreateAttr attr{};
    attr.map_type = static_cast<std::uint32_t>(type);
    attr.key_size = attr.value_size = 4;
    attr.max_entries = 4;
    EXPECT_EQ(bpf(Command::map_create, attr), -EBADF);
    attr.inner_map_fd = static_cast<std::uint32_t>(inner);
    long outer = bpf(Command::map_create, attr);
    ASSERT_GE(outer, 0) << sys->last_error();
    std::uint32_t key = 2, value = static_cast<std::uint32_t>(wrong);
    EXPECT_EQ(update(outer, &key, &value), -EINVAL);
    value = static_cast<std::uint32_t>(inner);
    ASSERT_EQ(update(outer, &key, &value), 0) << sys->last_error();
    std::uint32_t inner_key = 1;
    std::uint64_t number = type == MapType::array_of_maps ? 55 : 66;
    ASSERT_EQ(update(inner, &inner_key, &number), 0);
    long fd = load(program({st32(10, -4, 2), st32(10, -8, 1), map_fd(1, outer), mov_reg(2, 10), add(2, -4),
                            call(1), jeq(0, 0, 6), mov_reg(1, 0), mov_reg(2, 10), add(2, -8), call(1),
                            jeq(0, 0, 1), ldx64(0, 0, 0), exit_()}));
    ASSERT_GE(fd, 0) << log;
    Ran ran = run(fd, packet(60));
    ASSERT_EQ(ran.error, 0) << sys->last_error();
    EXPECT_EQ(ran.retval, number);
  }
}

}  // namespace
}  // namespace skep::runtime
