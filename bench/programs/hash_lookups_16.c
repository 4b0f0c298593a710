// Lookups in a hash map of a thousand elements with keys of 16 bytes, as flows have.
#include "bench.h"

struct flow {
	u32 source, target, ports, protocol;
};

MAP(bench_flows, HASH, struct flow, u64, 1000);

PROGRAM(hash_lookups_16)
{
	INPUT(ctx);
	u64 sum = 0;

	for (int i = 0; i < 100; i++) {
		struct flow key = {(read32(in + 4 * i) % 1000) * 0x9e3779b1, 0, 0, 0};
		u64 *value = bpf_map_lookup_elem(&bench_flows, &key);

		if (value)
			sum += *value + i;
	}
	return fold(sum);
}
