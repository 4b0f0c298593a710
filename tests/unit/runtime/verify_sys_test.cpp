// The judging side: what it keeps of maps, what it refuses before the verifier, and verdicts through bpf(2).
#include "skep/runtime/verify_sys.h"

#include <gtest/gtest.h>

#include <cstring>

#include "skep/isa/assemble.h"
#include "skep/uapi/calls.h"
#include "skep/uapi/flags.h"

namespace skep::runtime {
namespace {

std::vector<isa::Insn> assemble(std::string_view text) {
  auto done = isa::assemble_insns(text);
  EXPECT_TRUE(done) << done.error().message;
  return done ? std::move(*done) : std::vector<isa::Insn>();
}

struct Load {
  std::vector<isa::Insn> insns;
  uapi::ProgType type = uapi::ProgType::socket_filter;
  std::string license = "GPL";
  std::uint32_t flags = 0;
  uapi::AttachType attach_type{};
};

Result<uapi::ProgLoadResult> load(VerifySys& sys, const Load& what, std::string* log = nullptr) {
  uapi::ProgLoad options;
  options.type = what.type;
  options.expected_attach_type = what.attach_type;
  options.name = "prog";
  options.license = what.license;
  options.flags = what.flags;
  options.log_level = 1;
  options.insns =
      Bytes(reinterpret_cast<const std::uint8_t*>(what.insns.data()), what.insns.size() * sizeof(isa::Insn));
  return uapi::prog_load(sys, options, log);
}

TEST(VerifySys, AcceptsAndRefusesAsTheVerifierSays) {
  VerifySys sys({});
  auto good = load(sys, {assemble("r0 = 0\nexit")});
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_GE(good->prog.fd(), 3);
  std::string log;
  auto bad = load(sys, {assemble("r0 = r7\nexit")}, &log);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, EACCES);
  EXPECT_NE(log.find("R7 !read_ok"), std::string::npos) << log;
  ASSERT_EQ(sys.judged().size(), 2u);
  EXPECT_TRUE(sys.judged()[0].verdict.accepted);
  EXPECT_EQ(sys.judged()[1].verdict.reason, "R7 !read_ok");
  EXPECT_EQ(sys.judged()[1].verdict.insn, 0u);
}

// A log that does not fit loses its beginning; the answer stays.
TEST(VerifySys, SmallLogs) {
  VerifySys sys({});
  std::vector<isa::Insn> insns = assemble("r0 = r7\nexit");
  char log[8];
  std::memset(log, 'x', sizeof log);
  uapi::ProgLoadAttr attr{};
  attr.prog_type = 1;
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.license = reinterpret_cast<std::uint64_t>("GPL");
  attr.log_level = 1;
  attr.log_buf = reinterpret_cast<std::uint64_t>(log);
  attr.log_size = sizeof log;
  EXPECT_EQ(sys.bpf(uapi::Command::prog_load, &attr, sizeof attr), -EACCES);
  EXPECT_EQ(std::strlen(log), sizeof log - 1);
}

TEST(VerifySys, RefusesBeforeTheVerifier) {
  VerifyOptions weak;
  weak.around.privileges = verify::Privileges::none();
  VerifySys unprivileged(std::move(weak)), root({});
  std::vector<isa::Insn> pass = assemble("r0 = 0\nexit");
  EXPECT_TRUE(load(unprivileged, {pass}));
  EXPECT_EQ(load(unprivileged, {pass, uapi::ProgType::xdp}).error().code, EPERM);
  EXPECT_TRUE(unprivileged.judged().back().before_verifier);
  EXPECT_EQ(load(root, {pass, uapi::ProgType::unspec}).error().code, EINVAL);
  // cgroup/connect4 needs an attach type of its own.
  EXPECT_EQ(load(root, {pass, uapi::ProgType::cgroup_sock_addr}).error().code, EINVAL);
  std::vector<isa::Insn> long_program(5000, isa::Insn{0xb7, 0, 0, 0});
  long_program.back() = pass.back();
  EXPECT_EQ(load(unprivileged, {long_program}).error().code, E2BIG);

  VerifyOptions old;
  old.around.version = {6, 1, 0};
  VerifySys before(std::move(old));
  EXPECT_EQ(load(before, {pass, uapi::ProgType::netfilter}).error().code, EINVAL);  // since 6.4
}

// What a frozen read-only map holds is a constant to the program; of another map nothing is known.
TEST(VerifySys, FrozenContents) {
  VerifySys sys({});
  uapi::MapCreate create;
  create.type = uapi::MapType::array;
  create.name = "rodata";
  create.key_size = 4;
  create.value_size = 8;
  create.max_entries = 1;
  create.flags = uapi::map_rdonly_prog;
  auto map = uapi::map_create(sys, create);
  ASSERT_TRUE(map) << map.error().message;
  std::uint32_t key = 0;
  std::uint64_t value = 4;
  ASSERT_EQ(uapi::map_update(sys, map->fd(), &key, &value), 0);
  // Reads [r10 - 8 + value]: fine only for a constant that stays below the frame's end.
  std::vector<isa::Insn> insns = assemble(
      "r1 = 0 ll\n"
      "r2 = *(u64 *)(r1 + 0)\n"
      "*(u64 *)(r10 - 8) = 0\n"
      "r3 = r10\n"
      "r3 += r2\n"
      "r0 = *(u32 *)(r3 - 8)\n"
      "r0 = 0\n"
      "exit");
  insns[0].set_src(isa::pseudo::map_value);
  insns[0].imm = map->fd();
  EXPECT_FALSE(load(sys, {insns})) << "contents that may change were taken for constants";
  ASSERT_EQ(uapi::map_freeze(sys, map->fd()), 0);
  auto frozen = load(sys, {insns});
  EXPECT_TRUE(frozen) << frozen.error().message;
  EXPECT_EQ(uapi::map_update(sys, map->fd(), &key, &value), -EPERM);
  const verify::Model& model = sys.judged().back().model->model;
  ASSERT_EQ(model.maps.size(), 1u);
  EXPECT_EQ(model.maps[0].name, "rodata");
  EXPECT_EQ(model.prog.insns[0].imm, 0) << "maps are named by index";
}

TEST(VerifySys, DescriptorsOfNothing) {
  VerifySys sys({});
  std::vector<isa::Insn> insns = assemble("r1 = 0 ll\nr0 = 0\nexit");
  insns[0].set_src(isa::pseudo::map_fd);
  insns[0].imm = 77;
  std::string log;
  EXPECT_FALSE(load(sys, {insns}, &log));
  EXPECT_NE(log.find("not pointing to valid bpf_map"), std::string::npos) << log;
  EXPECT_EQ(sys.close(77), -EBADF);
  EXPECT_EQ(sys.dup(77), -EBADF);
  uapi::MapElemAttr attr{};
  attr.map_fd = 77;
  EXPECT_EQ(sys.bpf(uapi::Command::map_freeze, &attr, sizeof attr), -EBADF);
  EXPECT_EQ(sys.bpf(uapi::Command::map_lookup_elem, &attr, sizeof attr), -EINVAL);
  // More bytes than are known must be zero.
  std::uint8_t large[200] = {};
  large[199] = 1;
  EXPECT_EQ(sys.bpf(uapi::Command::map_create, large, sizeof large), -E2BIG);
}

TEST(VerifySys, InnerMapsAndPrivileges) {
  VerifySys sys({});
  uapi::MapCreate create;
  create.type = uapi::MapType::hash;
  create.key_size = 4;
  create.value_size = 16;
  create.max_entries = 3;
  auto inner = uapi::map_create(sys, create);
  ASSERT_TRUE(inner);
  create.type = uapi::MapType::array_of_maps;
  create.value_size = 4;
  EXPECT_EQ(uapi::map_create(sys, create).error().code, EBADF);
  create.inner_map_fd = inner->fd();
  auto outer = uapi::map_create(sys, create);
  ASSERT_TRUE(outer) << outer.error().message;
  create.inner_map_fd = outer->fd();
  EXPECT_EQ(uapi::map_create(sys, create).error().code, EINVAL);

  std::vector<isa::Insn> insns = assemble("r1 = 0 ll\nr0 = 0\nexit");
  insns[0].set_src(isa::pseudo::map_fd);
  insns[0].imm = outer->fd();
  ASSERT_TRUE(load(sys, {insns}));
  const verify::Model& model = sys.judged().back().model->model;
  ASSERT_EQ(model.maps.size(), 2u);
  ASSERT_EQ(model.maps[0].inner, 1);
  EXPECT_EQ(model.maps[1].value_size, 16u);

  VerifyOptions weak;
  weak.map_privileges = verify::Privileges::none();
  VerifySys unprivileged(std::move(weak));
  create = {};
  create.type = uapi::MapType::lru_hash;
  create.key_size = create.value_size = 4;
  create.max_entries = 1;
  EXPECT_EQ(uapi::map_create(unprivileged, create).error().code, EPERM);
}

TEST(Model, RecordsOfDebugInformation) {
  std::uint32_t words[] = {0, 5, 0, 3, 6, 0};
  Bytes bytes(reinterpret_cast<const std::uint8_t*>(words), sizeof words);
  auto funcs = read_func_info(bytes, 12);
  ASSERT_TRUE(funcs);
  ASSERT_EQ(funcs->size(), 2u);
  EXPECT_EQ((*funcs)[1].slot, 3u);
  EXPECT_EQ((*funcs)[1].type, 6u);
  words[5] = 1;
  EXPECT_EQ(read_func_info(bytes, 12).error().code, E2BIG);
  EXPECT_EQ(read_func_info(bytes, 4).error().code, EINVAL);
  EXPECT_EQ(read_func_info(bytes, 10).error().code, EINVAL);
  EXPECT_EQ(read_line_info(bytes, 12).error().code, EINVAL);
}

TEST(Model, Licences) {
  EXPECT_TRUE(is_gpl("GPL"));
  EXPECT_TRUE(is_gpl("Dual BSD/GPL"));
  EXPECT_FALSE(is_gpl("Proprietary"));
  EXPECT_FALSE(is_gpl(""));
}

}  // namespace
}  // namespace skep::runtime
