// Counters in a per-CPU array, as every packet filter has them.
#include "bench.h"

struct counter {
	u64 packets, bytes;
};

MAP(bench_percpu, PERCPU_ARRAY, u32, struct counter, 16);

PROGRAM(percpu_counters)
{
	INPUT(ctx);
	u64 bytes = 0;

	for (int i = 0; i < 256; i++) {
		u32 key = i < 16 ? i : in[i] & 15;
		struct counter *counter = bpf_map_lookup_elem(&bench_percpu, &key);

		if (!counter)
			return 0;
		if (i < 16)
			counter->packets = counter->bytes = 0;
		counter->packets++;
		counter->bytes += in[i];
		bytes += counter->bytes;
	}
	return fold(bytes);
}
