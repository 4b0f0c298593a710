// Lookups in an LRU hash map of a thousand elements with keys of 8 bytes.
#include "bench.h"

MAP(bench_lru, LRU_HASH, u64, u64, 4000);

PROGRAM(lru_lookups)
{
	INPUT(ctx);
	u64 sum = 0;

	for (int i = 0; i < 100; i++) {
		u64 key = (read32(in + 4 * i) % 1000) * 0x9e3779b1;
		u64 *value = bpf_map_lookup_elem(&bench_lru, &key);

		if (value)
			sum += *value + i;
	}
	return fold(sum);
}
