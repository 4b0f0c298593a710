// Multiplication, division and remainder of 64 and 32 bits by values that are known only when running.
#include "bench.h"

PROGRAM(divide)
{
	INPUT(ctx);
	u64 x = read64(in), by = read32(in + 8) | 1, sum = 0;
	u32 y = read32(in + 12), small = (read32(in + 16) & 0xffff) | 1;

	for (int i = 0; i < 400; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		sum += x / by ^ x % (by + 2);
		y = y * 1664525 + 1013904223;
		sum ^= y / small + y % (small + 2);
	}
	return fold(sum);
}
