// 32-bit arithmetic with rotations: the finalizer of MurmurHash3 between additions, a thousand times.
#include "bench.h"

PROGRAM(alu32)
{
	INPUT(ctx);
	u32 a = read32(in), b = read32(in + 4), c = read32(in + 8);

	for (int i = 0; i < 1000; i++) {
		a ^= a >> 16;
		a *= 0x85ebca6b;
		a ^= a >> 13;
		b += rol32(a, 5) - c;
		c = (c ^ b) + (u32)((s32)a >> 3);
		a += b & ~c;
	}
	return a ^ b ^ c;
}
