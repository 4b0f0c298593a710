// Calls of helpers: the CPU's number and the sum of the words of a small buffer, a hundred times each.
#include "bench.h"

PROGRAM(helpers)
{
	INPUT(ctx);
	s64 sum = 0;
	u32 cpu = 0;

	for (int i = 0; i < 100; i++) {
		u32 words[4] = {read32(in + 4 * i), i, read32(in + 4 * i + 4), 7};

		cpu |= bpf_get_smp_processor_id() >> 16; // 0 on any machine
		sum = bpf_csum_diff(0, 0, words, sizeof words, (u32)sum);
	}
	return (u32)sum + cpu;
}
