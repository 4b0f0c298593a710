// BPF_PROG_TEST_RUN: a packet in, the program run `repeat` times on the same packet, verdict, packet and
// context out. Facts: net/bpf/test_run.c, Documentation/bpf/bpf_prog_run.rst.
#include "skep/runtime/test_run.h"

#include <algorithm>
#include <cstring>

namespace skep::runtime {

using uapi::ProgType;

void TestRun::begin_runs() {
  image::RunContext& ctx = cpu.ctx;
  ctx.inputs = call.state.inputs.load(std::memory_order_relaxed);
  ctx.copy_guarded = copy_guarded;
}

long TestRun::run_once() {
  image::RunContext& ctx = cpu.ctx;
  ctx.tail_calls = 0;
  ctx.redirect = {};
  ctx.fault = nullptr;
  ctx.packet_moved = false;
  ctx.tail_target = nullptr;
  ctx.budget = call.state.options.budget;
  std::uint64_t r0 = 0;
  Engine* engine = call.state.engine;
  cpu.progress.store(cpu.progress.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  bool ended = engine                ? engine->run(prog, cpu, &r0)
               : prog.code           ? cpu.native.run(*prog.code, ctx, &r0)
               : prog.image.verified ? cpu.machine.run_cancellable(prog.image, ctx, &r0)
                                     : cpu.machine.run(prog.image, ctx, &r0);
  cpu.release_lock();
  if (!ended) [[unlikely]] {
    std::string text = engine      ? engine->fault()
                       : prog.code ? cpu.native.fault().message()
                                   : cpu.machine.fault().message();
    if (cpu.cancel.load(std::memory_order_relaxed))
      text += fmt::format(" after {} ms", call.state.options.time_limit_ns / 1'000'000);
    call.task.set_fault(text);
    return refuse(EFAULT, "program '{}': {}", prog.image.name, text);
  }
  retval = static_cast<std::uint32_t>(r0);
  return 0;
}

void TestRun::end_runs(std::uint64_t start, std::uint32_t repeat) {
  std::uint64_t spent = call.state.own_inputs->ktime_ns() - start;
  duration_ns = static_cast<std::uint32_t>(std::min<std::uint64_t>(spent / repeat, ~std::uint32_t{0}));
}

long TestRun::finish(const std::uint8_t* linear, std::uint32_t linear_bytes) const {
  std::uint32_t size = linear_bytes + cpu.frags_bytes;
  std::uint32_t copied = attr.data_size_out ? std::min(size, attr.data_size_out) : size;
  bool cut = copied < size;
  if (attr.data_out) {
    std::uint64_t to = attr.data_out;
    // The kernel keeps room for all frags first: a buffer smaller than those gets nothing.
    if (copied < cpu.frags_bytes) return -ENOSPC;
    std::uint32_t first = copied - cpu.frags_bytes;
    if (!call.task.memory.write(to, linear, first)) return -EFAULT;
    std::uint32_t offset = first;
    for (std::uint32_t i = 0; i < cpu.frag_count && offset < copied; i++) {
      std::uint32_t part = std::min(copied - offset, cpu.frags[i].size);
      if (!call.task.memory.write(to + offset, cpu.frags[i].at, part)) return -EFAULT;
      offset += part;
    }
  }
  if (!call.put(offsetof(ProgTestRunAttr, data_size_out), size) ||
      !call.put(offsetof(ProgTestRunAttr, retval), retval) ||
      !call.put(offsetof(ProgTestRunAttr, duration), duration_ns))
    return -EFAULT;
  return cut ? -ENOSPC : 0;
}

long TestRun::read_frags(std::uint32_t from) {
  while (from < attr.data_size_in) {
    if (cpu.frag_count == max_frags)
      return refuse(ENOMEM, "BPF_PROG_TEST_RUN: a packet of {} bytes needs more than {} frags",
                    attr.data_size_in, max_frags);
    Frag& frag = cpu.frags[cpu.frag_count++];
    frag.size = std::min(attr.data_size_in - from, frame_bytes);
    if (!call.task.memory.read(frag.at, attr.data_in + from, frag.size)) return -EFAULT;
    cpu.frags_bytes += frag.size;
    from += frag.size;
  }
  return 0;
}

namespace {

long test_run_xdp(TestRun& test) {
  const ProgTestRunAttr& attr = test.attr;
  Cpu& cpu = test.cpu;
  auto attach = test.prog.image.attach_type;
  if (attach == uapi::AttachType::xdp_devmap || attach == uapi::AttachType::xdp_cpumap) return -EINVAL;
  constexpr std::uint32_t live_frames = 2;
  if (attr.flags & live_frames)
    return refuse(EOPNOTSUPP, "BPF_F_TEST_XDP_LIVE_FRAMES is not available in this runtime");
  if (attr.flags || attr.batch_size) return -EINVAL;

  std::uint32_t meta = 0, headroom = xdp_headroom, linear = attr.data_size_in;
  XdpMd given;
  if (long error = test.read_context(given)) return error;
  if (test.has_context()) {
    if (given.data_meta || given.data_end > attr.data_size_in || given.data > given.data_end) return -EINVAL;
    meta = given.data;
    if (meta % 4 || meta > 255 || meta > xdp_headroom - xdp_frame_bytes) return -EINVAL;
    headroom -= meta;
    linear = given.data_end;
  }
  std::uint32_t room = frame_bytes - headroom - frame_tailroom;
  linear = std::min(linear, room);
  if (attr.data_size_in < meta || attr.data_size_in - meta < ethernet_bytes) return -EINVAL;

  image::Packet& packet = cpu.ctx.packet;
  packet.head = cpu.memory;
  packet.limit = packet.head + frame_bytes - frame_tailroom;
  packet.meta = packet.head + headroom;
  packet.data = packet.meta + meta;
  packet.data_end = packet.meta + linear;
  packet.mac_header = packet.network_header = nullptr;
  // A program that moves data forward sees zeros, not the packet before. (Growing the tail writes its own.)
  std::memset(packet.head, 0, headroom);
  if (!test.call.task.memory.read(packet.meta, attr.data_in, linear)) return -EFAULT;

  if (test.has_context()) {
    if (given.egress_ifindex || (!given.ingress_ifindex && given.rx_queue_index)) return -EINVAL;
    if (given.ingress_ifindex && given.ingress_ifindex != loopback_ifindex) return -ENODEV;
    // Queue 0 is the only one of the loopback device, and it carries no XDP queue information.
    if (given.ingress_ifindex && given.rx_queue_index) return -EINVAL;
  }
  if (long error = test.read_frags(linear)) return error;

  cpu.is_xdp = true;
  cpu.xdp = {};
  cpu.xdp.ingress_ifindex = loopback_ifindex;
  cpu.ctx.context = &cpu.xdp;
  cpu.ctx.context_size = sizeof cpu.xdp;
  cpu.packet_changed();
  if (long error = test.run()) return error;

  long error = test.finish(packet.meta, static_cast<std::uint32_t>(packet.data_end - packet.meta));
  if (error || !test.has_context()) return error;
  given.data = static_cast<std::uint32_t>(packet.data - packet.meta);
  given.data_end = static_cast<std::uint32_t>(packet.data_end - packet.meta);
  return test.write_context(given);
}

}  // namespace

long prog_test_run(Call& call) {
  const auto& attr = call.attr<ProgTestRunAttr>();
  if ((attr.ctx_size_in && !attr.ctx_in) || (!attr.ctx_size_in && attr.ctx_in)) return -EINVAL;
  if ((attr.ctx_size_out && !attr.ctx_out) || (!attr.ctx_size_out && attr.ctx_out)) return -EINVAL;
  Opened<ProgObject> prog = open_as<ProgObject>(call.task, attr.prog_fd);
  if (!prog) return prog.error;
  Lease lease(call.state);
  Cpu& cpu = *lease;
  if (long error = cpu.prepare()) return error;
  cpu.enter(*prog.object);
  cpu.frag_count = cpu.frags_bytes = 0;
  TestRun test{call, *prog.object, cpu};
  // Types for which this runtime makes a packet; prog_load refuses the others.
  if (prog->image.type == ProgType::xdp) return test_run_xdp(test);
  if (prog->image.type == ProgType::flow_dissector) return test_run_flow_dissector(test);
  if (runs_on_skb(prog->image.type)) return test_run_skb(test);
  // Types that load and that the kernel gives no test run either: lwt_seg6local, sk_skb, sk_msg.
  return refuse(not_supported, "BPF_PROG_TEST_RUN: program type {} has no test run, in the kernel neither",
                static_cast<std::uint32_t>(prog->image.type));
}

}  // namespace skep::runtime
