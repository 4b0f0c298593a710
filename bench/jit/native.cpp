// The natively compiled programs: found by the sections that bench/programs/bench.h puts them in; and the
// helpers that they call, which are the runtime's own.
#include <cstring>
#include <string_view>

#include "bench/jit/engines.h"
#include "skep/runtime/helpers.h"
#include "skep/uapi/calls.h"

namespace {

// As in bench/programs/bench.h.
struct NativeProgram {
  const char* name;
  skep::bench::NativeFn run;
};
struct NativeMap {
  const char *program, *name;
  skep::image::MapDescriptor* descriptor;
};

skep::image::RunContext* context = nullptr;
using Visit = long (*)(NativeMap*, const void* key, void* value, void* ctx);

}  // namespace

extern "C" {
extern const NativeProgram __start_skep_natives[], __stop_skep_natives[];
extern NativeMap __start_skep_native_maps[], __stop_skep_native_maps[];

void* native_map_lookup(NativeMap* map, const void* key) {
  return map->descriptor->lookup(map->descriptor, key, context);
}
long native_map_update(NativeMap* map, const void* key, const void* value, std::uint64_t flags) {
  return map->descriptor->update(map->descriptor, key, value, flags, context);
}
long native_map_delete(NativeMap* map, const void* key) {
  return map->descriptor->remove(map->descriptor, key, context);
}
// Arrays only: what there is to compare with.
long native_for_each(NativeMap* map, Visit fn, void* ctx) {
  skep::image::MapDescriptor* d = map->descriptor;
  std::uint32_t i = 0;
  while (i < d->max_entries) {
    long stop = fn(map, &i, d->base + std::size_t{i} * d->stride, ctx);
    i++;
    if (stop) break;
  }
  return i;
}
std::uint32_t native_smp_processor_id() { return context->cpu; }
std::int64_t native_csum_diff(std::uint32_t* from, std::uint32_t from_size, std::uint32_t* to,
                              std::uint32_t to_size, std::uint32_t seed) {
  static const skep::image::HelperFn fn = skep::runtime::find_helper_fn(28, skep::uapi::ProgType::xdp);
  return static_cast<std::int64_t>(fn(reinterpret_cast<std::uint64_t>(from), from_size,
                                      reinterpret_cast<std::uint64_t>(to), to_size, seed, context));
}
}

namespace skep::bench {

void set_native_context(image::RunContext* ctx) { context = ctx; }

NativeFn find_native(const std::string& program) {
  for (const NativeProgram* p = __start_skep_natives; p != __stop_skep_natives; p++)
    if (program == p->name) return p->run;
  return nullptr;
}

Result<void> connect_native(const std::string& program, const object::Object& object,
                            runtime::Runtime& runtime) {
  for (NativeMap* map = __start_skep_native_maps; map != __stop_skep_native_maps; map++) {
    if (program != map->program) continue;
    const object::Map* made = object.map(map->name);
    if (!made) return fail(EINVAL, "{}: the object has no map '{}'", program, map->name);
    uapi::MapInfo info = TRY(uapi::map_info(made->handle().sys(), made->fd()));
    map->descriptor = &runtime.state().maps.find(info.id)->map->descriptor();
  }
  return {};
}

}  // namespace skep::bench
