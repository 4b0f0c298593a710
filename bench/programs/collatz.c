// Branches that no predictor knows: 3n + 1 sequences, a hundred steps each.
#include "bench.h"

PROGRAM(collatz)
{
	INPUT(ctx);
	u64 total = 0;

	for (int i = 0; i < 32; i++) {
		u64 n = (u64)read32(in + 4 * i) << 8 | 1;
		u32 odd = 0;

		for (u32 steps = ANY_ZERO; steps < 100 && CAN_LOOP; steps++) {
			if (n & 1) {
				n = 3 * n + 1;
				odd += steps;
			} else {
				n >>= 1;
			}
		}
		total = total * 31 + odd + n;
	}
	return fold(total);
}
