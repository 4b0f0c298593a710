// Sequences that become fewer machine instructions give what they gave one by one.
#include "engines.h"
#include "skep/uapi/helpers.h"

namespace skep::jit::testing {
namespace {

// The shape of Semantics' values: r1 and r2 come from outside, here through memory.
std::vector<std::uint8_t> bytes_of(std::initializer_list<std::uint64_t> words) {
  std::vector<std::uint8_t> out(words.size() * 8);
  std::size_t at = 0;
  for (std::uint64_t w : words) {
    std::memcpy(out.data() + at, &w, 8);
    at += 8;
  }
  return out;
}

const std::vector<std::uint8_t> memory =
    bytes_of({0x8877'6655'4433'2211, 3, 0xffff'ffff'8000'0001, 0x0102'0304'0506'0708, 5, 0x8000'0000, 0,
              ~std::uint64_t{0}});

TEST(Combine, addresses) {
  for (const char* load : {"ldxb", "ldxh", "ldxw", "ldxdw", "ldxsb", "ldxsh", "ldxsw"})
    for (int shift : {1, 2, 3})
      for (int off : {0, 4, -8}) {
        // r3 = (r4 << shift) + r1 + 8; r0 = *(r3 + off)
        value({make("mov64_imm", 4, 0, 0, 3), make("mov64_reg", 3, 4), make("lsh64_imm", 3, 0, 0, shift),
               make("add64_reg", 3, 1), make("add64_imm", 3, 0, 0, 8), make(load, 0, 3, off), make("exit")},
              {}, memory);
        // The address register gets the value; the base is used on.
        value({make("mov64_imm", 4, 0, 0, 2), make("mov64_reg", 3, 1), make("add64_reg", 3, 4),
               make(load, 3, 3, off + 8), make("mov64_reg", 0, 3), make("xor64_reg", 0, 4), make("exit")},
              {}, memory);
        // The address lives on.
        value({make("mov64_imm", 4, 0, 0, 8), make("mov64_reg", 3, 1), make("add64_reg", 3, 4),
               make(load, 0, 3, off), make("sub64_reg", 3, 1), make("add64_reg", 0, 3), make("exit")},
              {}, memory);
      }
  for (const char* store : {"stxb", "stxh", "stxw", "stxdw"})
    for (int shift : {1, 2, 3})
      value({make("mov64_imm", 4, 0, 0, 4), make("lddw", 5, 0, 0, 0x1234'5678'9abc'def0),
             make("mov64_reg", 3, 4), make("lsh64_imm", 3, 0, 0, shift), make("add64_reg", 3, 1),
             make(store, 3, 5, 8), make("mov64_imm", 0), make("exit")},
            {}, memory);
  value({make("mov64_reg", 3, 1), make("add64_imm", 3, 0, 0, 16), make("stw", 3, 0, 4, -5),
         make("mov64_imm", 0), make("exit")},
        {}, memory);
  // On the stack, the frame pointer first and last.
  for (bool first : {true, false}) {
    Program p{make("mov64_imm", 4, 0, 0, 8), make("stdw", 10, 0, -16, 77), make("stdw", 10, 0, -8, 99)};
    if (first) {
      p.push_back(make("mov64_reg", 3, 10));
      p.push_back(make("add64_imm", 3, 0, 0, -16));
      p.push_back(make("add64_reg", 3, 4));
    } else {
      p.push_back(make("mov64_reg", 3, 4));
      p.push_back(make("add64_reg", 3, 10));
      p.push_back(make("add64_imm", 3, 0, 0, -16));
    }
    p.push_back(make("ldxdw", 0, 3, 0));
    p.push_back(make("exit"));
    EXPECT_EQ(value(p), 99u);
  }
  // Doubling, and a shift after an addition, are not forms of an operand.
  value({make("mov64_imm", 3, 0, 0, 4), make("mov64_reg", 4, 3), make("add64_reg", 4, 4),
         make("add64_reg", 4, 1), make("ldxw", 0, 4, 0), make("exit")},
        {}, memory);
  value({make("mov64_imm", 3, 0, 0, 1), make("add64_imm", 3, 0, 0, 1), make("lsh64_imm", 3, 0, 0, 3),
         make("add64_reg", 3, 1), make("ldxw", 0, 3, 0), make("exit")},
        {}, memory);
  value({make("mov64_imm", 3, 0, 0, 1), make("add64_reg", 3, 3), make("add64_reg", 3, 1),
         make("ldxw", 0, 3, 0), make("exit")},
        {}, memory);
}

TEST(Combine, rotations) {
  for (unsigned bits : {32U, 64U}) {
    const std::string w = std::to_string(bits);
    for (unsigned count : {1U, 7U, 13U, 31U})
      for (bool left_first : {true, false})
        for (int form = 0; form < 4; form++) {
          const std::string one = (left_first ? "lsh" : "rsh") + w + "_imm",
                            two = (left_first ? "rsh" : "lsh") + w + "_imm";
          const auto rest = static_cast<int>(bits - count), first = static_cast<int>(count);
          Program p{make("ldxdw", 4, 1, 0), make("mov" + w + "_reg", 3, 4), make(one, 3, 0, 0, first)};
          unsigned b = 4;
          if (form & 1) {
            b = 5;
            p.push_back(make("mov" + w + "_reg", 5, 4));
          }
          p.push_back(make(two, b, 0, 0, rest));
          const unsigned to = form & 2 ? 3 : b;
          p.push_back(make("or" + w + "_reg", to, to == 3 ? b : 3));
          p.push_back(make("mov64_reg", 0, to));
          if (form & 1) p.push_back(make("xor64_reg", 0, 4));
          p.push_back(make("exit"));
          value(p, {}, memory);
        }
    // Both halves are used on: no rotation alone will do.
    value({make("ldxdw", 4, 1, 0), make("mov" + w + "_reg", 3, 4), make("lsh" + w + "_imm", 3, 0, 0, 5),
           make("rsh" + w + "_imm", 4, 0, 0, static_cast<int>(bits) - 5), make("or" + w + "_reg", 4, 3),
           make("mov64_reg", 0, 4), make("mul64_imm", 0, 0, 0, 7), make("xor64_reg", 0, 3), make("exit")},
          {}, memory);
  }
}

TEST(Combine, extensions) {
  for (int at = 0; at < 64; at += 8)
    for (const char* down : {"rsh64_imm", "arsh64_imm"})
      for (int count : {32, 48, 56, 40})
        for (int back : {32, 33, 48, 56, 60, 63}) {
          value({make("ldxdw", 3, 1, at), make("mov64_reg", 0, 3), make("lsh64_imm", 0, 0, 0, count),
                 make(down, 0, 0, 0, back), make("exit")},
                {}, memory);
          value({make("ldxdw", 0, 1, at), make("lsh64_imm", 0, 0, 0, count), make(down, 0, 0, 0, back),
                 make("exit")},
                {}, memory);
        }
}

TEST(Combine, swapped_loads) {
  for (auto [load, swap] : {std::pair{"ldxh", "be16"},
                            {"ldxw", "be32"},
                            {"ldxdw", "be64"},
                            {"ldxw", "bswap32"},
                            {"ldxw", "be16"},
                            {"ldxdw", "be32"},
                            {"ldxh", "le16"},
                            {"ldxsw", "be32"}})
    value({make(load, 0, 1, 1), make(swap, 0), make("exit")}, {}, memory);
}

TEST(Combine, tests_of_bits) {
  for (const char* mask : {"and32_imm", "and64_imm"})
    for (const char* jump : {"jeq32_imm", "jeq64_imm", "jne32_imm", "jne64_imm"})
      for (std::int32_t imm :
           {1, 0x80, 0x100, 0x8000, 0x7fff'ffff, -1, -2, std::numeric_limits<std::int32_t>::min()})
        for (int at : {0, 40, 48})
          for (bool over : {false, true}) {
            Program p{make("ldxdw", 4, 1, at), make("mov64_reg", 3, 4), make(mask, 3, 0, 0, imm)};
            if (over) {
              // if x goto +1; goto the second end
              p.push_back(make(jump, 3, 0, 1, 0));
              p.push_back(make("ja", 0, 0, 2));
            } else {
              p.push_back(make(jump, 3, 0, 2, 0));
            }
            p.insert(p.end(),
                     {make("mov64_imm", 0, 0, 0, 1), make("exit"), make("mov64_reg", 0, 4), make("exit")});
            value(p, {}, memory);
          }
  value({make("ldxdw", 4, 1, 0), make("mov32_reg", 3, 4), make("and64_imm", 3, 0, 0, -1),
         make("jeq64_imm", 3, 0, 1, 0), make("mov64_imm", 4), make("mov64_reg", 0, 4), make("exit")},
        {}, memory);
}

TEST(Combine, moves) {
  for (const char* copy : {"mov32_reg", "mov64_reg"})
    for (const isa::Op& row : isa::ops()) {
      if (row.action != isa::Class::alu || row.sign_from) continue;
      for (int at : {0, 16, 40})
        for (std::int32_t imm : {3, 9, 10, 255, -7}) {
          if (row.source != isa::Source::imm && imm != 3) continue;
          value({make("ldxdw", 4, 1, at), make("ldxdw", 5, 1, 8), make(copy, 3, 4),
                 row.source == isa::Source::reg   ? make(row.name, 3, 5)
                 : row.source == isa::Source::imm ? make(row.name, 3, 0, 0, imm)
                                                  : make(row.name, 3),
                 make("mov64_reg", 0, 3), make("mul64_imm", 0, 0, 0, 31), make("xor64_reg", 0, 4),
                 make("exit")},
                {}, memory);
        }
    }
}

TEST(Combine, upper_halves_are_cleared_when_they_must_be) {
  for (const char* first :
       {"add32_imm", "or32_imm", "and64_imm", "xor64_imm", "arsh32_imm", "add64_imm", "rsh64_imm"})
    for (int at = 0; at < 64; at += 8)
      value({make("ldxdw", 4, 1, at), make(first, 4, 0, 0, 33), make("mov32_reg", 4, 4),
             make("mov32_reg", 5, 4), make("mov64_reg", 0, 5), make("add64_reg", 0, 4), make("exit")},
            {}, memory);
}

TEST(Combine, selections) {
  for (const char* jump : {"jeq64_imm", "jgt64_imm", "jslt64_imm", "jset64_imm", "jlt32_imm", "jsge32_imm"})
    for (int at = 0; at < 64; at += 8)
      for (const char* move : {"mov64_reg", "mov32_reg"})
        for (bool constant : {false, true})
          for (int moves : {1, 2})
            for (int form = 0; form < 2; form++) {
              Program p{make("ldxdw", 4, 1, at), make("ldxdw", 5, 1, 24), make("ldxdw", 6, 1, 16),
                        make("mov64_reg", 7, 4)};
              const int rest = moves + form;
              p.push_back(make(jump, 4, 0, rest, 5));
              p.push_back(constant ? make("mov64_imm", 7, 0, 0, -3) : make(move, 7, 5));
              if (moves == 2) p.push_back(make(move, 6, 7));
              if (form) p.push_back(make("ja", 0, 0, 0));
              p.insert(p.end(), {make("mov64_reg", 0, 7), make("mul64_imm", 0, 0, 0, 31),
                                 make("xor64_reg", 0, 6), make("exit")});
              value(p, {}, memory);
            }
}

TEST(Combine, scaled_indices) {
  for (int shift : {1, 2, 3})
    for (bool moved : {false, true})
      for (int last = 0; last < 4; last++) {
        Program p{make("mov64_imm", 4, 0, 0, 3), make("mov64_imm", 5, 0, 0, 77)};
        unsigned d = 4;
        if (moved) {
          d = 3;
          p.push_back(make("mov64_reg", 3, 4));
        }
        p.push_back(make("lsh64_imm", d, 0, 0, shift));
        p.push_back(make("mov64_reg", 2, 1));
        p.push_back(make("add64_reg", 2, d));
        if (last == 0) p.push_back(make("ldxw", 2, 2, 4));
        if (last == 1) p.push_back(make("stxw", 2, 5, 4));
        if (last == 2)
          p.insert(p.end(), {make("ldxw", d, 2, 4), make("add64_reg", d, 2), make("sub64_reg", d, 1),
                             make("mov64_reg", 2, d)});
        if (last == 3) p.insert(p.end(), {make("ldxw", 2, 2, 4), make("add64_reg", 2, d)});
        p.push_back(make("mov64_reg", 0, last == 1 ? 5 : 2));
        p.push_back(make("exit"));
        value(p, {}, memory);
      }
}

TEST(Combine, loops) {
  // The sum over the memory, the exit in the middle: if x goto +1; goto the top.
  value({make("mov64_imm", 0), make("mov64_imm", 3), make("mov64_reg", 4, 1), make("add64_reg", 4, 3),
         make("ldxb", 4, 4, 0), make("add64_reg", 0, 4), make("mul64_imm", 0, 0, 0, 3),
         make("add64_imm", 3, 0, 0, 1), make("jeq64_reg", 3, 2, 1), make("ja", 0, 0, -8), make("exit")},
        {}, memory);
}

struct Array {
  explicit Array(std::uint32_t stride, std::uint32_t entries, std::uint32_t cpus)
      : memory(stride * entries * cpus) {
    map.type = cpus > 1 ? uapi::MapType::percpu_array : uapi::MapType::array;
    map.key_size = 4;
    map.value_size = stride;
    map.max_entries = entries;
    map.base = memory.data();
    map.stride = stride;
    map.index_mask = ~std::uint32_t{0};
    map.cpu_stride = cpus > 1 ? std::uint64_t{stride} * entries : 0;
    map.lookup = [](image::MapDescriptor* m, const void* key, image::RunContext* ctx) -> void* {
      std::uint32_t index;
      std::memcpy(&index, key, 4);
      return index < m->max_entries ? m->base + ctx->cpu * m->cpu_stride + std::uint64_t{index} * m->stride
                                    : nullptr;
    };
  }
  std::vector<std::uint8_t> memory;
  image::MapDescriptor map;
};

std::uint64_t lookup_helper(std::uint64_t map, std::uint64_t key, std::uint64_t, std::uint64_t, std::uint64_t,
                            image::RunContext* ctx) {
  auto* m = reinterpret_cast<image::MapDescriptor*>(map);
  return reinterpret_cast<std::uint64_t>(m->lookup(m, reinterpret_cast<const void*>(key), ctx));
}

TEST(Combine, array_lookups) {
  for (std::uint32_t cpus : {1U, 3U})
    for (std::uint32_t stride : {1U, 8U, 16U, 24U})
      for (std::uint32_t key : {0U, 1U, 6U, 7U, 8U, 0xffff'ffffU})
        for (int form = 0; form < 8; form++) {
          Array array(stride, 7, cpus);
          Environment environment;
          environment.maps[1] = &array.map;
          environment.helpers[1] = {lookup_helper, uapi::find_helper(1), "bpf_map_lookup_elem", 1};
          Program p{make("mov64_imm", 6, 0, 0, static_cast<std::int32_t>(key))};
          p.push_back(form & 1 ? make("stw", 10, 0, -4, static_cast<std::int32_t>(key))
                               : make("stxw", 10, 6, -4));
          if (form & 2) p.push_back(make("lddw_map_fd", 1, 0, 0, 1));
          p.push_back(make("mov64_reg", 2, 10));
          p.push_back(make("add64_imm", 2, 0, 0, -4));
          if (!(form & 2)) p.push_back(make("lddw_map_fd", 1, 0, 0, 1));
          p.push_back(make("call_helper", 0, 0, 0, 1));
          if (form & 4) p.push_back(make("jeq64_imm", 0, 0, 1, 0));
          p.push_back(make("add64_imm", 0, 0, 0, 0x1000));
          p.push_back(make("exit"));
          auto image = lower(p, environment);
          image->trusted = true;
          for (std::uint32_t cpu = 0; cpu < cpus; cpu++) {
            image::RunContext ctx;
            ctx.cpu = cpu;
            Outcome vm = run_vm(*image, ctx, {});
            ASSERT_TRUE(vm.done);
            for (const Way& way : ways()) {
              image::RunContext jit_ctx;
              jit_ctx.cpu = cpu;
              Outcome jit = run_jit(*image, jit_ctx, {}, way.options);
              ASSERT_TRUE(jit.done) << jit.fault;
              ASSERT_EQ(jit.r0, vm.r0)
                  << way.name << " key " << key << " form " << form << " stride " << stride;
            }
          }
        }
}

}  // namespace
}  // namespace skep::jit::testing
