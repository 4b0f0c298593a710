// Leasing CPUs, their buffers and regions.
#include "skep/runtime/cpu.h"

#include <sys/mman.h>

#include <thread>
#include <utility>

#include "skep/maps/map.h"
#include "skep/runtime/state.h"

namespace skep::runtime {
namespace {

constexpr std::size_t frames_bytes = std::size_t{frame_bytes} * (1 + max_frags);
constexpr std::size_t memory_bytes = frames_bytes + skb_buffer_bytes;

// Memory whose addresses fit in 32 bits, so that data and data_end of the contexts are pointers.
void* map_low(std::size_t size) {
#if defined(MAP_32BIT)
  void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (at != MAP_FAILED) return at;
#endif
  for (std::uint64_t hint = 0x10000000; hint < 0xf0000000; hint += 0x1000000) {
    void* place = mmap(reinterpret_cast<void*>(hint), size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (place == reinterpret_cast<void*>(hint)) return place;
    if (place != MAP_FAILED) munmap(place, size);
  }
  return nullptr;
}

std::uint32_t low(const void* at) { return static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(at)); }

}  // namespace

Cpu::Cpu(Runtime::State& s, std::uint32_t n) : state(s), number(n) {
  ctx.cpu = n;
  ctx.extra = this;
  ctx.cancel = &cancel;
  ctx.sink = this;
}

Cpu::~Cpu() {
  if (memory) munmap(memory, memory_bytes);
}

long Cpu::prepare() {
  if (memory) return 0;
  memory = static_cast<std::uint8_t*>(map_low(memory_bytes));
  if (!memory) return refuse(ENOMEM, "no {} bytes of memory below 4 GiB for packets", memory_bytes);
  for (std::uint32_t i = 0; i < max_frags; i++) frags[i].at = memory + frame_bytes * (1 + i);
  skb.buffer = memory + frames_bytes;
  return 0;
}

void Cpu::enter(const ProgObject& prog) {
  const bool checked = !prog.image.verified && !prog.image.trusted;
  ctx.regions = checked ? &regions : nullptr;
  if (!checked) return;
  if (entered == prog.id) {
    regions.reset();
    packet_region = 0;
    return;
  }
  regions.clear();
  for (const auto& map : prog.maps) admit(map->map->descriptor());
  regions.keep();
  packet_region = 0;
  entered = prog.id;
}

void Cpu::admit(const image::MapDescriptor& map) {
  const image::Slab& slab = map.values;
  if (slab.count == 0) return;
  auto base = reinterpret_cast<std::uint64_t>(slab.base);
  for (const image::Region& region : regions.all())
    if (region.base == base) return;
  image::Region region;
  region.base = base;
  region.size = slab.count * slab.stride;
  region.stride = slab.stride;
  region.cell = slab.size;
  region.kind = image::RegionKind::map_value;
  region.writable = !(map.flags & maps::map_flag::rdonly_prog);
  region.name = map.name;
  regions.add(region);
}

void Cpu::packet_changed() {
  image::Packet& packet = ctx.packet;
  if (is_xdp) {
    xdp.data = low(packet.data);
    xdp.data_end = low(packet.data_end);
    xdp.data_meta = low(packet.meta);
  } else {
    packet.meta = packet.data;
    skb.md.len = static_cast<std::uint32_t>(packet.data_end - packet.data);
    skb.md.data = low(packet.data);
    skb.md.data_end = skb.pointers ? low(packet.data_end) : 0;
    skb.md.data_meta = skb.pointers ? low(packet.data) : 0;
  }
  ctx.packet_moved = true;
  if (!ctx.regions) return;
  if (packet_region) regions.remove(packet_region);
  packet_region = reinterpret_cast<std::uint64_t>(packet.meta);
  image::Region region;
  region.base = packet_region;
  region.size = static_cast<std::uint64_t>(packet.data_end - packet.meta);
  region.kind = image::RegionKind::packet;
  region.writable = is_xdp || skb.writable;
  region.name = "packet";
  regions.add(region);
}

void Cpu::stop_run(std::uint64_t which) {
  stopping.store(true, std::memory_order_seq_cst);
  if (runs.load(std::memory_order_seq_cst) == which) cancel.store(true, std::memory_order_relaxed);
  stopping.store(false, std::memory_order_seq_cst);
}

std::uint32_t Cpu::buffer_bytes() const {
  return static_cast<std::uint32_t>(ctx.packet.data_end - ctx.packet.data) + frags_bytes;
}

void Cpu::printk(std::string_view line) {
  if (PrintkFn fn = state.printk.load()) fn(state.printk_user.load(), line);
}

Lease::Lease(Runtime::State& state, std::int64_t wanted) {
  thread_local std::uint32_t last = 0;
  auto& cpus = state.cpus;
  for (;;) {
    std::size_t tries = wanted >= 0 ? 1 : cpus.size();
    std::size_t first = wanted >= 0 ? static_cast<std::size_t>(wanted) : last;
    for (std::size_t i = 0; i < tries; i++) {
      Cpu& cpu = *cpus[(first + i) % cpus.size()];
      if (cpu.busy.exchange(true, std::memory_order_acquire)) continue;
      cpu.runs.fetch_add(1, std::memory_order_seq_cst);
      cpu_ = &cpu;
      while (cpu.stopping.load(std::memory_order_seq_cst)) std::this_thread::yield();
      if (cpu.cancel.load(std::memory_order_relaxed)) cpu.cancel.store(false, std::memory_order_relaxed);
      if (wanted < 0) last = cpu.number;
      return;
    }
    std::this_thread::yield();
  }
}

Lease::~Lease() {
  cpu_->runs.fetch_add(1, std::memory_order_release);
  cpu_->busy.store(false, std::memory_order_release);
}

RunGraveyard::~RunGraveyard() {
  // What dies here may retire more.
  while (!graves_.empty()) {
    std::vector<Grave> last = std::exchange(graves_, {});
    last.clear();
  }
}

bool RunGraveyard::is_over(const Grave& grave) const {
  for (std::size_t i = 0; i < cpus_.size(); i++)
    if ((grave.seen[i] & 1) && cpus_[i]->runs.load(std::memory_order_acquire) == grave.seen[i]) return false;
  return true;
}

void RunGraveyard::retire(std::shared_ptr<void> object) {
  std::vector<Grave> over;  // what dies, dies outside of the lock: it may retire more
  std::lock_guard lock(mutex_);
  Grave grave{std::move(object), {}};
  for (const auto& cpu : cpus_) grave.seen.push_back(cpu->runs.load(std::memory_order_seq_cst));
  graves_.push_back(std::move(grave));
  for (std::size_t i = 0; i < graves_.size();) {
    if (!is_over(graves_[i])) {
      i++;
      continue;
    }
    over.push_back(std::move(graves_[i]));
    graves_[i] = std::move(graves_.back());
    graves_.pop_back();
  }
}

}  // namespace skep::runtime
