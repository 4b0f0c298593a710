// bpf_for_each_map_elem: a callback on each value of an array.
#include "bench.h"

struct sum {
	u64 total;
};

MAP(bench_each, ARRAY, u32, u64, 256);

static long add(void *map, const void *key, void *value, void *ctx)
{
	((struct sum *)ctx)->total += *(u64 *)value ^ *(const u32 *)key;
	return 0;
}

PROGRAM(each_element)
{
	INPUT(ctx);
	struct sum sum = {read32(in)};

	bpf_for_each_map_elem(&bench_each, add, &sum, 0);
	return fold(sum.total);
}
