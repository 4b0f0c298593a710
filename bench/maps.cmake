# Maps.
add_executable(bench_maps maps_bench.cpp)
target_link_libraries(bench_maps PRIVATE skep_maps benchmark::benchmark_main)
