// SipHash-2-4 of a kilobyte: 64-bit additions, rotations, exclusive ors.
#include "bench.h"

#define ROUND                      \
	v0 += v1;                  \
	v1 = rol64(v1, 13) ^ v0;   \
	v0 = rol64(v0, 32);        \
	v2 += v3;                  \
	v3 = rol64(v3, 16) ^ v2;   \
	v0 += v3;                  \
	v3 = rol64(v3, 21) ^ v0;   \
	v2 += v1;                  \
	v1 = rol64(v1, 17) ^ v2;   \
	v2 = rol64(v2, 32);

PROGRAM(siphash)
{
	INPUT(ctx);
	u64 k0 = read64(in + 1040), k1 = read64(in + 1048);
	u64 v0 = 0x736f6d6570736575ULL ^ k0, v1 = 0x646f72616e646f6dULL ^ k1;
	u64 v2 = 0x6c7967656e657261ULL ^ k0, v3 = 0x7465646279746573ULL ^ k1;

	for (int i = 0; i < 1024; i += 8) {
		u64 word = read64(in + i);

		v3 ^= word;
		ROUND
		ROUND
		v0 ^= word;
	}
	v2 ^= 0xff;
	ROUND
	ROUND
	ROUND
	ROUND
	return fold(v0 ^ v1 ^ v2 ^ v3);
}
