// Words of 16, 32 and 64 bits through the stack, their bytes swapped on the way.
#include "bench.h"

PROGRAM(stack_bswap)
{
	INPUT(ctx);
	u64 words[16], x = read64(in);

	for (int round = 0; round < 40; round++) {
#pragma GCC unroll 1
		for (int i = 0; i < 16; i++) {
			words[i] = __builtin_bswap64(x);
			x = x * 5 + __builtin_bswap32((u32)(x >> 16));
		}
#pragma GCC unroll 1
		for (int i = 0; i < 16; i++)
			x ^= words[15 - i] + __builtin_bswap16((u16)x);
	}
	return fold(x);
}
