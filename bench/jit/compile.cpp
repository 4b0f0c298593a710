// Timing compilations, measuring their output.
#include "bench/jit/compile.h"

#include <dirent.h>
#include <time.h>

#include <algorithm>

#include "cli/compile.h"
#include "skep/isa/ops.h"
#include "skep/object/parse.h"
#include "skep/uapi/calls.h"

namespace skep::bench {
namespace {

constexpr std::uint32_t long_program = 100'000;

image::Inst make(isa::OpId op, unsigned dst, unsigned src, std::int32_t off, std::uint64_t imm) {
  return {op, static_cast<std::uint8_t>(dst), static_cast<std::uint8_t>(src), off, imm};
}

// What compilers write, by and large: of ten instructions four of arithmetic, two copies, three accesses to
// the stack, one jump ahead.
image::Image make_long_program() {
  image::Image image;
  image.name = "long";
  image.trusted = true;
  std::uint64_t x = 88172645463325252;
  auto draw = [&](std::uint32_t below) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return static_cast<std::uint32_t>(x >> 33) % below;
  };
  auto add = [&](const image::Inst& inst) { image.insts.push_back(inst); };
  for (unsigned r = 0; r < 10; r++) add(make(isa::op("mov64_imm"), r, 0, 0, r));
  for (std::int32_t at = -64; at < 0; at += 8) add(make(isa::op("stdw"), 10, 0, at, 1));
  while (image.insts.size() < long_program - 16) {
    unsigned dst = draw(10), src = draw(10);
    std::int32_t slot = -8 * static_cast<std::int32_t>(1 + draw(8));
    std::uint64_t imm = draw(1 << 16);
    switch (draw(10)) {
      case 0: add(make(isa::op("add64_reg"), dst, src, 0, 0)); break;
      case 1: add(make(isa::op("xor32_reg"), dst, src, 0, 0)); break;
      case 2: add(make(isa::op("and64_imm"), dst, 0, 0, imm)); break;
      case 3: add(make(isa::op("lsh32_imm"), dst, 0, 0, imm % 32)); break;
      case 4: add(make(isa::op("mov64_reg"), dst, src, 0, 0)); break;
      case 5: add(make(isa::op("mov32_imm"), dst, 0, 0, imm)); break;
      case 6: add(make(isa::op("ldxdw"), dst, 10, slot, 0)); break;
      case 7: add(make(isa::op("ldxw"), dst, 10, slot, 0)); break;
      case 8: add(make(isa::op("stxdw"), 10, src, slot, 0)); break;
      case 9: add(make(isa::op("jgt64_imm"), dst, 0, static_cast<std::int32_t>(1 + draw(12)), imm)); break;
    }
  }
  while (image.insts.size() < long_program - 1) add(make(isa::op("mov64_imm"), 0, 0, 0, 0));
  add(make(isa::op("exit"), 0, 0, 0, 0));
  for (std::uint32_t i = 0; i < image.insts.size(); i++) {
    image.slot_of.push_back(i);
    image.inst_of.push_back(i);
  }
  image.functions.push_back({"long", 0, long_program});
  return image;
}

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::vector<std::string> sources_in(const std::string& folder) {
  std::vector<std::string> out;
  if (DIR* dir = ::opendir(folder.c_str())) {
    while (const dirent* entry = ::readdir(dir)) {
      std::string name = entry->d_name;
      if (name.ends_with(".bpf.c"))
        out.push_back(folder + "/" + name);
      else if (entry->d_type == DT_DIR && name[0] != '.')
        for (const std::string& inner : sources_in(folder + "/" + name)) out.push_back(inner);
    }
    ::closedir(dir);
  }
  std::ranges::sort(out);
  return out;
}

// Bytes of our code for a program of the runtime.
Result<std::size_t> jit_bytes(Bench& bench, int fd) {
  uapi::ProgInfo info = TRY(uapi::prog_info(bench.sys(), fd));
  auto program = bench.runtime().state().progs.find(info.id);
  program->image.trusted = true;
  jit::Code code = TRY(jit::compile(program->image));
  return code.bytes().size();
}

}  // namespace

Result<double> compile_speed(const Effort& effort) {
  image::Image image = make_long_program();
  std::vector<double> seconds;
  for (std::uint32_t i = 0; i < std::min(effort.rounds, 11U); i++) {
    double start = cpu_seconds();
    jit::Code code = TRY(jit::compile(image));
    seconds.push_back(cpu_seconds() - start);
  }
  return long_program / median(seconds);
}

Result<std::vector<CodeSize>> code_sizes(Bench& bench) {
  std::vector<std::string> sources = sources_in(SKEP_SOURCE_DIR "/tests/programs");
  for (const std::string& example : sources_in(SKEP_SOURCE_DIR "/examples")) sources.push_back(example);
  std::vector<CodeSize> out;
  for (const std::string& source : sources) {
    Buffer bytes = TRY(cli::read_object(source));
    Diagnostics warnings;
    object::OpenOptions options;
    options.name = cli::object_name(source);
    object::ObjectSpec spec = TRY(object::parse(bytes, options, warnings));
    std::erase_if(spec.programs, [](const object::ProgramSpec& p) { return p.type != uapi::ProgType::xdp; });
    if (spec.programs.size() != 1) continue;  // of the others, initial slots of maps count on all
    object::ObjectSpec own = spec;
    object::Object ours = TRY(object::load(bench.sys(), std::move(own), {}));
    CodeSize size;
    size.program = options.name + " " + spec.programs[0].name;
    size.slots = static_cast<std::uint32_t>(spec.programs[0].insns.size());
    size.jit = TRY(jit_bytes(bench, ours.programs()[0].fd()));
    if (bench.kernel()) {
      own = spec;
      object::Object theirs = TRY(object::load(*bench.kernel(), std::move(own), {}));
      uapi::ProgInfo info = TRY(uapi::prog_info(*bench.kernel(), theirs.programs()[0].fd()));
      size.kernel = info.jited_prog_len;
    }
    out.push_back(std::move(size));
  }
  return out;
}

}  // namespace skep::bench
