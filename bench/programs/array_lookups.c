// Lookups in an array map: 256 of them, with the null check that the verifier wants.
#include "bench.h"

MAP(bench_array, ARRAY, u32, u64, 1024);

PROGRAM(array_lookups)
{
	INPUT(ctx);
	u64 sum = 0;

	for (int i = 0; i < 256; i++) {
		u32 key = read32(in + 4 * i) & 1023;
		u64 *value = bpf_map_lookup_elem(&bench_array, &key);

		if (value)
			sum += *value + i;
	}
	return fold(sum);
}
