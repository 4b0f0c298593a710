# Cross build for AArch64 Linux with Debian's g++-aarch64-linux-gnu. Libraries come from SKEP_SYSROOT, a folder into
# which tests/arm64/run unpacks the packages; the compiler brings its own C and C++ libraries. What is built runs under
# qemu-aarch64-static, and ctest runs it so.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SKEP_SYSROOT)

set(SKEP_SYSROOT "" CACHE PATH
    "unpacked arm64 packages: libasmjit-dev libfmt-dev libzstd-dev liblzma-dev zlib1g-dev libgtest-dev")
set(CMAKE_FIND_ROOT_PATH ${SKEP_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${SKEP_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${SKEP_SYSROOT})

set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath,${SKEP_SYSROOT}/usr/lib/aarch64-linux-gnu")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu)
