// BPF_PROG_LOAD asks the verifier: verdict, errno and log as the kernel gives them, what is done with the
// facts of a verdict, and what ends runs that are allowed to take long.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "programs.h"
#include "skep/isa/assemble.h"
#include "skep/jit/jit.h"
#include "skep/runtime/judged.h"
#include "skep/runtime/perf_map.h"
#include "skep/runtime/state.h"
#include "skep/uapi/flags.h"

namespace skep::runtime {
namespace {

using uapi::Command;
using uapi::MapType;

Program assemble(std::string_view text) {
  auto done = isa::assemble_insns(text);
  EXPECT_TRUE(done) << done.error().message;
  return done ? std::move(*done) : Program();
}

class Verified : public RuntimeTest {
 protected:
  uapi::ProgInfo info(long fd) {
    uapi::ProgInfo out{};
    uapi::InfoAttr attr{};
    attr.bpf_fd = static_cast<std::uint32_t>(fd);
    attr.info_len = sizeof out;
    attr.info = reinterpret_cast<std::uint64_t>(&out);
    EXPECT_EQ(bpf(Command::obj_get_info_by_fd, attr), 0);
    return out;
  }
  const ProgObject& object(long fd) {
    std::uint32_t id = info(fd).id;
    return *runtime->state().progs.find(id);
  }
};

const char* const no_bounds_check =
    "r2 = *(u32 *)(r1 + 0)\n"
    "r0 = *(u8 *)(r2 + 0)\n"
    "exit";

TEST_F(Verified, refuses_with_the_kernels_log) {
  EXPECT_EQ(load(assemble(no_bounds_check)), -EACCES);
  EXPECT_NE(std::strstr(log, "invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)"), nullptr) << log;
  EXPECT_NE(std::strstr(log, "R2 offset is outside of the packet"), nullptr) << log;
  EXPECT_NE(std::strstr(log, "processed 2 insns"), nullptr) << log;
  EXPECT_NE(sys->last_error().find("insn 1: "), std::string::npos) << sys->last_error();
  auto refusal = sys->refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->verdict.insn, 1u);
  EXPECT_EQ(load(program({mov(0, 2), exit_()})), FdTable::first_fd);
  EXPECT_FALSE(sys->refusal());
}

// log_true_size, what is cut where, and ENOSPC, for loads that are accepted, too.
TEST_F(Verified, log_that_does_not_fit) {
  Program bad = assemble(no_bounds_check), good = program({mov(0, 2), exit_()});
  auto attr = load_attr(bad);
  EXPECT_EQ(bpf(Command::prog_load, attr), -EACCES);
  std::string all = log;
  EXPECT_EQ(attr.log_true_size, all.size() + 1);
  attr.log_size = 20;
  attr.log_true_size = 0;
  EXPECT_EQ(bpf(Command::prog_load, attr), -ENOSPC);
  EXPECT_EQ(attr.log_true_size, all.size() + 1);
  EXPECT_EQ(std::string(log), all.substr(all.size() - 19));
  attr.log_level = 1 | 8;
  EXPECT_EQ(bpf(Command::prog_load, attr), -ENOSPC);
  EXPECT_EQ(std::string(log), all.substr(0, 19));

  attr = load_attr(good);
  long fd = bpf(Command::prog_load, attr);
  EXPECT_GE(fd, 0);
  all = log;
  EXPECT_NE(all.find("processed 2 insns"), all.npos) << all;
  attr.log_size = static_cast<std::uint32_t>(all.size());
  EXPECT_EQ(bpf(Command::prog_load, attr), -ENOSPC);
  attr.log_size++;
  EXPECT_GE(bpf(Command::prog_load, attr), 0);
  attr.log_buf = attr.log_size = 0;  // a level without a buffer asks how much it takes
  EXPECT_GE(bpf(Command::prog_load, attr), 0);
  EXPECT_EQ(attr.log_true_size, all.size() + 1);
  attr.log_level = 0;
  EXPECT_GE(bpf(Command::prog_load, attr), 0);
  EXPECT_EQ(attr.log_true_size, 0u);

  // Paths that ended well are taken out of the log; it must have had room for them all the same.
  Program branches =
      program({ldx32(0, 1, 12), jeq(0, 1, 3), jeq(0, 2, 2), mov(0, 2), exit_(), mov(0, 1), exit_()});
  attr = load_attr(branches);
  EXPECT_GE(bpf(Command::prog_load, attr), 0);
  EXPECT_EQ(std::string_view(log).find('\n'), std::strlen(log) - 1) << log;
  EXPECT_EQ(attr.log_true_size, 403u);  // as Linux 6.18 says
  attr.log_size = 402;
  EXPECT_EQ(bpf(Command::prog_load, attr), -ENOSPC);
  EXPECT_EQ(std::string_view(log).find("processed 9 insns"), 0u) << log;

  // Every state at level 2.
  attr = load_attr(good);
  attr.log_level = 2;
  EXPECT_GE(bpf(Command::prog_load, attr), 0);
  EXPECT_NE(std::strstr(log, "0: R1=ctx() R10=fp0"), nullptr) << log;
}

TEST_F(Verified, log_buffer_that_is_not_there) {
  void* hole = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* edge = static_cast<std::uint8_t*>(hole) + 4096;
  ASSERT_EQ(mprotect(edge, 4096, PROT_NONE), 0);
  Program bad = assemble(no_bounds_check);
  auto attr = load_attr(bad);
  attr.log_buf = reinterpret_cast<std::uint64_t>(edge - 8);
  EXPECT_EQ(bpf(Command::prog_load, attr), -EFAULT);
  munmap(hole, 8192);
}

TEST_F(Verified, runs_as_machine_code_or_interpreted) {
  Program code = program({mov(0, 7), exit_()});
  long fd = load(code);
  std::uint8_t bytes[4096] = {};
  uapi::ProgInfo out{};
  out.jited_prog_len = sizeof bytes;
  out.jited_prog_insns = reinterpret_cast<std::uint64_t>(bytes);
  uapi::InfoAttr attr{};
  attr.bpf_fd = static_cast<std::uint32_t>(fd);
  attr.info_len = sizeof out;
  attr.info = reinterpret_cast<std::uint64_t>(&out);
  ASSERT_EQ(bpf(Command::obj_get_info_by_fd, attr), 0);
  EXPECT_EQ(out.verified_insns, 2u);
  const ProgObject& loaded = object(fd);
  ASSERT_EQ(out.jited_prog_len != 0, loaded.code.has_value());
  if (loaded.code) {
    ASSERT_EQ(out.jited_prog_len, loaded.code->bytes().size());
    EXPECT_EQ(std::memcmp(bytes, loaded.code->bytes().data(), out.jited_prog_len), 0);
    EXPECT_EQ(out.nr_jited_ksyms, 1u);
    EXPECT_EQ(out.nr_jited_func_lens, 1u);
  }
  EXPECT_EQ(run(fd, packet(60)).retval, 7u);

  Options options;
  options.jit = false;
  auto other = Runtime::create(options);
  ASSERT_TRUE(other);
  sys = std::make_unique<RuntimeSys>(**other);
  fd = load(code);
  EXPECT_EQ(info(fd).jited_prog_len, 0u);
  EXPECT_EQ(info(fd).verified_insns, 2u);
  EXPECT_EQ(run(fd, packet(60)).retval, 7u);
  sys = std::make_unique<RuntimeSys>(*runtime);
}

// A folder of its own for the file that perf reads.
class PerfMap : public Verified {
 protected:
  void adjust(Options& options) const override { options.perf_map = path(); }
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder), nullptr);
    Verified::SetUp();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path() const { return std::string(folder) + "/perf.map"; }
  // "address size name", each line ended.
  static std::string lines_of(const jit::Code& code, std::initializer_list<const char*> names) {
    std::string lines;
    auto symbols = code.symbols();
    EXPECT_EQ(symbols.size(), names.size());
    auto name = names.begin();
    for (const jit::Symbol& symbol : symbols) {
      char line[200];
      std::snprintf(line, sizeof line, "%lx %lx %s\n", reinterpret_cast<unsigned long>(symbol.at),
                    static_cast<unsigned long>(symbol.size), *name++);
      lines += line;
    }
    return lines;
  }
  std::string content() const {
    std::ifstream file(path());
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  char folder[32] = "/tmp/skep-perf-map-XXXXXX";
};

TEST_F(PerfMap, a_line_for_each_function) {
  long fd = load(program({call_local(1), exit_(), mov(0, 7), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  const ProgObject& loaded = object(fd);
  if (!loaded.code) GTEST_SKIP() << "no compiler for this machine";
  auto symbols = loaded.code->symbols();
  ASSERT_EQ(symbols.size(), 2u);
  EXPECT_EQ(symbols[0].name, "bpf_prog_the_prog");
  const Bytes bytes = loaded.code->bytes();
  for (const jit::Symbol& symbol : symbols) {
    const auto* at = static_cast<const std::uint8_t*>(symbol.at);
    EXPECT_GE(at, bytes.data());
    EXPECT_GT(symbol.size, 0u);
    EXPECT_LE(at + symbol.size, bytes.data() + bytes.size());
  }
  std::string first = lines_of(*loaded.code, {"bpf_prog_the_prog", symbols[1].name.c_str()});
  EXPECT_EQ(content(), first);
  // The next program's lines follow.
  fd = load(program({mov(0, 1), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  EXPECT_EQ(content(), first + lines_of(*object(fd).code, {"bpf_prog_the_prog"}));
}

// A name with a line's end would forge the next line.
TEST_F(PerfMap, hostile_names_stay_within_their_line) {
  long fd = load(program({mov(0, 7), exit_()}));
  ASSERT_GE(fd, 0) << sys->last_error();
  if (!object(fd).code) GTEST_SKIP() << "no compiler for this machine";
  ASSERT_EQ(std::remove(path().c_str()), 0);
  const auto loaded = runtime->state().progs.find(info(fd).id);
  image::Image& image = loaded->image;
  image.name = "a\n1 2 b\tc\x7f\x01";
  auto code = jit::compile(image);
  ASSERT_TRUE(code) << code.error().message;
  ASSERT_TRUE(write_perf_map(*code, path()));
  EXPECT_EQ(content(), lines_of(*code, {"bpf_prog_a_1_2_b_c__"}));
}

// What others may have put in the place of the file.
TEST_F(PerfMap, only_a_regular_file_is_written) {
  const Program code = program({mov(0, 7), exit_()});
  long fd = load(code);
  ASSERT_GE(fd, 0) << sys->last_error();
  if (!object(fd).code) GTEST_SKIP() << "no compiler for this machine";
  ASSERT_EQ(std::remove(path().c_str()), 0);
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(load(code), -ENXIO);
  EXPECT_NE(sys->last_error().find(path()), std::string::npos) << sys->last_error();
  // Somebody reads: it opens, and is refused.
  const int reader = open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(load(code), -EINVAL);
  char byte;
  EXPECT_EQ(read(reader, &byte, 1), 0);
  close(reader);
  ASSERT_EQ(std::remove(path().c_str()), 0);
  const std::string other = path() + ".other";
  ASSERT_EQ(symlink(other.c_str(), path().c_str()), 0);
  EXPECT_EQ(load(code), -ELOOP);
  EXPECT_NE(access(other.c_str(), F_OK), 0);
}

// What the runtime lacks is refused by name, also when the verifier takes it; where no path leads, nobody
// asks.
TEST_F(Verified, missing_helpers_only_where_they_may_be_called) {
  std::string missing = "call 35\n";
  std::string tail = "r0 = 2\nexit";
  EXPECT_EQ(load(assemble(missing + tail)), -EINVAL);
  EXPECT_NE(std::strstr(log, "helper bpf_get_current_task#35 is not available in this runtime yet"), nullptr)
      << log;
  EXPECT_EQ(std::strstr(log, "undecided"), nullptr) << log;
  long fd = load(assemble("r6 = 1\nif r6 == 1 goto +1\n" + missing + tail));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).retval, 2u);
}

// A branch that the verdict decides is no branch any more.
TEST_F(Verified, decided_branches) {
  long fd =
      load(assemble("r6 = 1\n"
                    "if r6 == 2 goto +2\n"  // never
                    "if r6 == 1 goto +2\n"  // always
                    "r0 = 9\n"
                    "exit\n"
                    "r0 = 3\n"
                    "exit"));
  ASSERT_GE(fd, 0) << log;
  const image::Image& image = object(fd).image;
  EXPECT_EQ(isa::row(image.insts[1].op).action, isa::Class::jump);
  EXPECT_EQ(image.insts[1].off, 0);
  EXPECT_EQ(isa::row(image.insts[2].op).action, isa::Class::jump);
  EXPECT_EQ(image.insts[2].off, 2);
  EXPECT_EQ(run(fd, packet(60)).retval, 3u);
  // One that goes both ways stays.
  fd = load(assemble("r0 = *(u32 *)(r1 + 12)\nif r0 == 1 goto +1\nr0 = 4\nexit"));
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(isa::row(object(fd).image.insts[1].op).action, isa::Class::jump_if);
}

// What user space froze is a constant to the verifier.
TEST_F(Verified, frozen_maps_are_constants) {
  long map = create_map(MapType::array, 4, 8, 1, uapi::map_rdonly_prog);
  std::uint32_t key = 0;
  std::uint64_t value = 4;
  ASSERT_EQ(update(map, &key, &value), 0);
  // Reads [r10 - 8 + value].
  Program code = program({lddw(1, 2, static_cast<std::int32_t>(map)), ldx64(2, 1, 0), st64(10, -8, 0),
                          mov_reg(3, 10), insn(0x0f, 3, 2, 0, 0), ldx32(0, 3, -8), exit_()});
  EXPECT_EQ(load(code), -EINVAL);
  uapi::MapElemAttr freeze{};
  freeze.map_fd = static_cast<std::uint32_t>(map);
  ASSERT_EQ(bpf(Command::map_freeze, freeze), 0);
  long fd = load(code);
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).retval, 0u);
}

TEST_F(Verified, kernel_types_are_read_when_needed) {
  EXPECT_GE(load(program({mov(0, 2), exit_()})), 0);
  EXPECT_EQ(load(assemble(no_bounds_check)), -EACCES);
  EXPECT_EQ(runtime->state().kernel_types->known(), nullptr);

  Options options;
  options.kernel_btf = "/nowhere/vmlinux";
  auto without = Runtime::create(options);
  ASSERT_TRUE(without);
  sys = std::make_unique<RuntimeSys>(**without);
  EXPECT_GE(load(program({mov(0, 2), exit_()})), 0);
  EXPECT_LT(load(program({insn(0x85, 0, 2, 0, 77), mov(0, 2), exit_()})), 0);  // a kernel function
  EXPECT_NE(sys->last_error().find("/nowhere/vmlinux"), std::string::npos) << sys->last_error();
  sys = std::make_unique<RuntimeSys>(*runtime);
}

class Limited : public RuntimeTest {
  void adjust(Options& options) const override { options.time_limit_ns = 50'000'000; }
};

// Eight million times a function that goes round eight million times: the verifier takes it, nobody waits for
// its end.
Program takes_long() {
  const Insn may_goto_2 = insn(0xe5, 0, 0, 2, 0), may_goto_1 = insn(0xe5, 0, 0, 1, 0);
  return program({mov(6, 0), may_goto_2, call_local(3), ja(-3), mov(0, 2), exit_(),  //
                  mov(0, 0), may_goto_1, ja(-2), exit_()});
}

TEST_F(Limited, long_runs_are_stopped) {
  long fd = load(takes_long());
  ASSERT_GE(fd, 0) << log;
  long quick = load(program({mov(0, 2), exit_()}));
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
    std::string fault = sys->take_fault().value_or("");
    EXPECT_NE(fault.find("the run was cancelled after 50 ms"), std::string::npos) << fault;
    EXPECT_EQ(run(quick, packet(60)).retval, 2u);
  }
  // Many short runs under one command are no long one.
  Ran many = run(quick, packet(60), 5'000'000);
  EXPECT_EQ(many.error, 0) << sys->last_error();
}

class LimitedInterpreter : public RuntimeTest {
  void adjust(Options& options) const override {
    options.time_limit_ns = 50'000'000;
    options.jit = false;
  }
};
TEST_F(LimitedInterpreter, long_runs_are_stopped) {
  long fd = load(takes_long());
  ASSERT_GE(fd, 0) << log;
  EXPECT_EQ(run(fd, packet(60)).error, -EFAULT);
  std::string fault = sys->take_fault().value_or("");
  EXPECT_NE(fault.find("the run was cancelled after 50 ms"), std::string::npos) << fault;
}

}  // namespace
}  // namespace skep::runtime
