# The interpreter.
add_executable(bench_vm vm_bench.cpp)
target_link_libraries(bench_vm PRIVATE skep_vm benchmark::benchmark_main)
