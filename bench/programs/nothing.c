// What a run costs by itself.
#include "bench.h"

PROGRAM(nothing)
{
	return 2;
}
