// Maps as programs reach them: the functions of the descriptor, over keys in a scattered order, all present.
// Figures are ns per operation; the kernel's, for comparison, come from bench_jit's map programs.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "skep/maps/map.h"

namespace {

using namespace skep;
using uapi::MapType;

struct Filled {
  std::shared_ptr<maps::Map> map;
  image::MapDescriptor* d = nullptr;
  std::vector<std::uint8_t> keys;  // in the order of use
  std::uint32_t key_size = 0, count = 0;

  const void* key(std::size_t i) const { return keys.data() + i * key_size; }
};

// `count` elements; their keys come in an order that a prefetcher does not know.
Filled fill(benchmark::State& state, MapType type, std::uint32_t key_size, std::uint32_t count) {
  Filled out;
  maps::Definition definition;
  definition.type = type;
  definition.key_size = key_size;
  definition.value_size = 8;
  definition.max_entries = count;
  definition.name = "bench";
  definition.cpus = 2;
  definition.hash_seed = 0x5eed;
  auto made = maps::create(definition);
  if (!made) {
    state.SkipWithError(made.error().message.c_str());
    return out;
  }
  out.map = *made;
  out.d = &out.map->descriptor();
  out.key_size = key_size;
  out.count = count;
  bool array = type == MapType::array || type == MapType::percpu_array;
  out.keys.resize(std::size_t{count} * key_size);
  for (std::uint32_t i = 0; i < count; i++) {
    std::uint32_t key =
        array ? static_cast<std::uint32_t>(std::uint64_t{i * 2654435761U} * count >> 32) : i * 2654435761U;
    std::memcpy(out.keys.data() + std::size_t{i} * key_size, &key, sizeof key);
  }
  std::uint64_t value = 1;
  for (std::uint32_t i = 0; i < count; i++) out.d->update(out.d, out.key(i), &value, 0, nullptr);
  return out;
}

template <class Work>
void each(benchmark::State& state, const Filled& filled, Work work) {
  if (!filled.map) return;
  std::size_t i = 0;
  for (auto _ : state) {
    work(filled.d, filled.key(i));
    if (++i == filled.count) i = 0;
  }
}

void BM_lookup(benchmark::State& state, MapType type) {
  Filled filled = fill(state, type, static_cast<std::uint32_t>(state.range(0)),
                       static_cast<std::uint32_t>(state.range(1)));
  each(state, filled, [](image::MapDescriptor* d, const void* key) {
    void* value = d->lookup(d, key, nullptr);
    benchmark::DoNotOptimize(value);
  });
}

// The key was just written in words of 4 bytes, as programs do it.
void BM_lookup_fresh_key(benchmark::State& state, MapType type) {
  Filled filled = fill(state, type, static_cast<std::uint32_t>(state.range(0)),
                       static_cast<std::uint32_t>(state.range(1)));
  std::size_t words = filled.key_size / 4;
  volatile std::uint32_t fresh[16] = {};
  each(state, filled, [&](image::MapDescriptor* d, const void* key) {
    for (std::size_t i = 0; i < words; i++) fresh[i] = static_cast<const std::uint32_t*>(key)[i];
    void* value = d->lookup(d, const_cast<const std::uint32_t*>(fresh), nullptr);
    benchmark::DoNotOptimize(value);
  });
}

void BM_update(benchmark::State& state, MapType type) {
  Filled filled = fill(state, type, static_cast<std::uint32_t>(state.range(0)),
                       static_cast<std::uint32_t>(state.range(1)));
  std::uint64_t value = 2;
  each(state, filled,
       [&](image::MapDescriptor* d, const void* key) { d->update(d, key, &value, 0, nullptr); });
}

void BM_delete_insert(benchmark::State& state, MapType type) {
  Filled filled = fill(state, type, static_cast<std::uint32_t>(state.range(0)),
                       static_cast<std::uint32_t>(state.range(1)));
  std::uint64_t value = 2;
  each(state, filled, [&](image::MapDescriptor* d, const void* key) {
    d->remove(d, key, nullptr);
    d->update(d, key, &value, 0, nullptr);
  });
}

// {key size, elements}
void sizes(benchmark::internal::Benchmark* bench) {
  for (std::int64_t key : {4, 8, 16, 64})
    for (std::int64_t count : {1000, 100'000}) bench->Args({key, count});
  bench->Args({4, 1'000'000});
}
void array_sizes(benchmark::internal::Benchmark* bench) {
  for (std::int64_t count : {1000, 100'000}) bench->Args({4, count});
}

BENCHMARK_CAPTURE(BM_lookup, array, MapType::array)->Apply(array_sizes);
BENCHMARK_CAPTURE(BM_lookup, percpu_array, MapType::percpu_array)->Apply(array_sizes);
BENCHMARK_CAPTURE(BM_lookup, hash, MapType::hash)->Apply(sizes);
BENCHMARK_CAPTURE(BM_lookup_fresh_key, hash, MapType::hash)->Apply(sizes);
BENCHMARK_CAPTURE(BM_lookup, percpu_hash, MapType::percpu_hash)->Apply(array_sizes);
BENCHMARK_CAPTURE(BM_lookup, lru_hash, MapType::lru_hash)->Apply(array_sizes);
BENCHMARK_CAPTURE(BM_update, array, MapType::array)->Apply(array_sizes);
BENCHMARK_CAPTURE(BM_update, hash, MapType::hash)->Apply(sizes);
BENCHMARK_CAPTURE(BM_update, lru_hash, MapType::lru_hash)->Apply(array_sizes);
BENCHMARK_CAPTURE(BM_delete_insert, hash, MapType::hash)->Apply(sizes);
BENCHMARK_CAPTURE(BM_delete_insert, lru_hash, MapType::lru_hash)->Apply(array_sizes);

}  // namespace
