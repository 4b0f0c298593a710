// Small programs written as instructions, and the commands as tests call them.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>

#include "skep/isa/insn.h"
#include "skep/runtime/runtime.h"
#include "skep/uapi/attr.h"

namespace skep::runtime {

using isa::Insn;
using Program = std::vector<Insn>;

inline Insn insn(int opcode, int dst, int src, int off, std::int32_t imm) {
  Insn i;
  i.opcode = static_cast<std::uint8_t>(opcode);
  i.set_dst(static_cast<unsigned>(dst));
  i.set_src(static_cast<unsigned>(src));
  i.off = static_cast<std::int16_t>(off);
  i.imm = imm;
  return i;
}
inline Insn mov(int dst, std::int32_t imm) { return insn(0xb7, dst, 0, 0, imm); }
inline Insn mov_reg(int dst, int src) { return insn(0xbf, dst, src, 0, 0); }
inline Insn add(int dst, std::int32_t imm) { return insn(0x07, dst, 0, 0, imm); }
inline Insn ldx32(int dst, int src, int off) { return insn(0x61, dst, src, off, 0); }
inline Insn ldx8(int dst, int src, int off) { return insn(0x71, dst, src, off, 0); }
inline Insn ldx64(int dst, int src, int off) { return insn(0x79, dst, src, off, 0); }
inline Insn stx32(int dst, int off, int src) { return insn(0x63, dst, src, off, 0); }
inline Insn stx64(int dst, int off, int src) { return insn(0x7b, dst, src, off, 0); }
inline Insn st8(int dst, int off, std::int32_t imm) { return insn(0x72, dst, 0, off, imm); }
inline Insn st32(int dst, int off, std::int32_t imm) { return insn(0x62, dst, 0, off, imm); }
inline Insn st64(int dst, int off, std::int32_t imm) { return insn(0x7a, dst, 0, off, imm); }
inline Insn jeq(int dst, std::int32_t imm, int off) { return insn(0x15, dst, 0, off, imm); }
inline Insn jne(int dst, std::int32_t imm, int off) { return insn(0x55, dst, 0, off, imm); }
inline Insn jgt_reg(int dst, int src, int off) { return insn(0x2d, dst, src, off, 0); }
inline Insn ja(int off) { return insn(0x05, 0, 0, off, 0); }
inline Insn call(std::int32_t helper) { return insn(0x85, 0, 0, 0, helper); }
inline Insn call_local(std::int32_t distance) { return insn(0x85, 0, 1, 0, distance); }
inline Insn exit_() { return insn(0x95, 0, 0, 0, 0); }

// Pieces of programs, put together: instructions and two-slot loads.
struct Piece : Program {
  Piece(Insn one) { push_back(one); }  // NOLINT: conversion is the point
  Piece(Insn low, Insn high) {
    push_back(low);
    push_back(high);
  }
};
inline Piece lddw(int dst, int src, std::int32_t low, std::int32_t high = 0) {
  return {insn(0x18, dst, src, 0, low), insn(0, 0, 0, 0, high)};
}
inline Piece map_fd(int dst, long fd) { return lddw(dst, 1, static_cast<std::int32_t>(fd)); }

inline Program program(std::initializer_list<Piece> pieces) {
  Program all;
  for (const Piece& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

class RuntimeTest : public ::testing::Test {
 protected:
  // Changes what the runtime is made with.
  virtual void adjust(Options&) const {}
  void SetUp() override {
    Options options;
    options.possible_cpus = 2;
    options.budget = 1'000'000;
    adjust(options);
    auto made = Runtime::create(options);
    ASSERT_TRUE(made);
    runtime = std::move(*made);
    sys = std::make_unique<RuntimeSys>(*runtime);
  }

  template <class Attr>
  long bpf(uapi::Command command, Attr& attr) {
    return sys->bpf(command, &attr, sizeof attr);
  }

  long create_map(uapi::MapType type, std::uint32_t key, std::uint32_t value, std::uint32_t entries,
                  std::uint32_t flags = 0) {
    uapi::MapCreateAttr attr{};
    attr.map_type = static_cast<std::uint32_t>(type);
    attr.key_size = key;
    attr.value_size = value;
    attr.max_entries = entries;
    attr.map_flags = flags;
    std::strcpy(attr.map_name, "the_map");
    return bpf(uapi::Command::map_create, attr);
  }

  static uapi::MapElemAttr element(long fd, const void* key, const void* value, std::uint64_t flags = 0) {
    uapi::MapElemAttr attr{};
    attr.map_fd = static_cast<std::uint32_t>(fd);
    attr.key = reinterpret_cast<std::uint64_t>(key);
    attr.value = reinterpret_cast<std::uint64_t>(value);
    attr.flags = flags;
    return attr;
  }
  long update(long fd, const void* key, const void* value, std::uint64_t flags = 0) {
    auto attr = element(fd, key, value, flags);
    return bpf(uapi::Command::map_update_elem, attr);
  }
  long lookup(long fd, const void* key, void* value) {
    auto attr = element(fd, key, value);
    return bpf(uapi::Command::map_lookup_elem, attr);
  }

  uapi::ProgLoadAttr load_attr(const Program& program, uapi::ProgType type = uapi::ProgType::xdp) {
    uapi::ProgLoadAttr attr{};
    attr.prog_type = static_cast<std::uint32_t>(type);
    attr.insn_cnt = static_cast<std::uint32_t>(program.size());
    attr.insns = reinterpret_cast<std::uint64_t>(program.data());
    attr.license = reinterpret_cast<std::uint64_t>("GPL");
    std::strcpy(attr.prog_name, "the_prog");
    attr.log_level = 1;
    attr.log_buf = reinterpret_cast<std::uint64_t>(log);
    attr.log_size = sizeof log;
    return attr;
  }
  long load(const Program& program) {
    auto attr = load_attr(program);
    return bpf(uapi::Command::prog_load, attr);
  }

  struct Ran {
    long error = 0;
    std::uint32_t retval = 0, size = 0;
    std::vector<std::uint8_t> packet;
  };
  Ran run(long prog, const std::vector<std::uint8_t>& packet, std::uint32_t repeat = 1) {
    Ran ran;
    std::vector<std::uint8_t> out(70000);
    uapi::ProgTestRunAttr attr{};
    attr.prog_fd = static_cast<std::uint32_t>(prog);
    attr.data_in = reinterpret_cast<std::uint64_t>(packet.data());
    attr.data_size_in = static_cast<std::uint32_t>(packet.size());
    attr.data_out = reinterpret_cast<std::uint64_t>(out.data());
    attr.data_size_out = static_cast<std::uint32_t>(out.size());
    attr.repeat = repeat;
    ran.error = bpf(uapi::Command::prog_test_run, attr);
    ran.retval = attr.retval;
    ran.size = attr.data_size_out;
    if (ran.error == 0) ran.packet.assign(out.begin(), out.begin() + attr.data_size_out);
    return ran;
  }
  static std::vector<std::uint8_t> packet(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; i++) bytes[i] = static_cast<std::uint8_t>(i);
    return bytes;
  }

  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<RuntimeSys> sys;
  char log[4096] = {};
};

// The same tests' helpers on a runtime that verifies nothing: for programs that are bad on purpose, whose
// faults the checked interpreter finds.
template <class Test>
class Unverified : public Test {
  void adjust(Options& options) const override { options.verify = false; }
};

}  // namespace skep::runtime
