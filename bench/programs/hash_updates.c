// A hash map changed: values replaced, elements deleted and put back.
#include "bench.h"

MAP(bench_table, HASH, u32, u64, 1000);

PROGRAM(hash_updates)
{
	INPUT(ctx);
	long result = 0;

	for (int i = 0; i < 50; i++) {
		u32 key = (read32(in + 4 * i) % 1000) * 0x9e3779b1;
		u64 value = i;

		result += bpf_map_update_elem(&bench_table, &key, &value, BPF_EXIST);
		result += bpf_map_delete_elem(&bench_table, &key);
		result += bpf_map_update_elem(&bench_table, &key, &value, BPF_NOEXIST);
		u64 *found = bpf_map_lookup_elem(&bench_table, &key);
		if (found)
			result = result * 3 + *found;
	}
	return fold(result);
}
