// Lookups in a hash map of a thousand elements with keys of 4 bytes, a hundred of them.
#include "bench.h"

MAP(bench_hash, HASH, u32, u64, 1000);

PROGRAM(hash_lookups)
{
	INPUT(ctx);
	u64 sum = 0;

	for (int i = 0; i < 100; i++) {
		u32 key = (read32(in + 4 * i) % 1000) * 0x9e3779b1;
		u64 *value = bpf_map_lookup_elem(&bench_hash, &key);

		if (value)
			sum += *value + i;
	}
	return fold(sum);
}
