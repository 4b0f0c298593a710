#!/bin/sh
# Makes the test objects with clang-14, clang-19 and bpf-gcc 12 (Debian: clang-14 clang-19 llvm-19 gcc-bpf). The
# objects are committed, so that the tests need none of the three. Names: source.compiler[-cpu][.eb].o
set -eu
cd "$(dirname "$0")"
include="-idirafter /usr/include/$(uname -m)-linux-gnu"

clang_object() { # version cpu order(el|eb) source output [flags]
  version=$1 cpu=$2 order=$3 source=$4 output=$5
  shift 5
  # shellcheck disable=SC2086
  "clang-$version" -O2 -g -target "bpf$order" -mcpu="$cpu" -fdebug-prefix-map="$PWD=." \
    $include -Wall -Wno-unused -Wno-missing-declarations "$@" -c "$source" -o "$output"
  case $output in *dwarf*) ;; *) llvm-strip-19 -g "$output" ;; esac
}
gcc_object() { # order(little|big) source output [flags]
  order=$1 source=$2 output=$3
  shift 3
  # From standard input and /: the source's absolute path would go into .BTF.
  here=$PWD
  # shellcheck disable=SC2086
  (cd / && bpf-gcc -O2 -gbtf -m"$order"-endian -idirafter /usr/include $include -I"$here" "$@" -x c -c - \
    -o "$here/$output") < "$source"
}

rm -f ./*.o
for name in tiny maps globals core struct_ops; do
  clang_object 14 v2 el $name.c $name.clang14-v2.o
  clang_object 19 v3 el $name.c $name.clang19-v3.o
  clang_object 19 v3 eb $name.c $name.clang19-v3.eb.o
done
for name in tiny maps globals; do
  clang_object 14 v1 el $name.c $name.clang14-v1.o
  clang_object 19 v1 el $name.c $name.clang19-v1.o
  clang_object 19 v4 el $name.c $name.clang19-v4.o
done
clang_object 19 v3 el tiny.c tiny.clang19-v3.dwarf.o    # R_BPF_64_ABS32 in DWARF
clang_object 19 v3 el functions.c functions.clang19-v3.o
clang_object 19 v3 el legacy.c legacy.clang19-v3.o
clang_object 14 v2 el legacy.c legacy.clang14-v2.o -g0  # without BTF, as such objects were
clang_object 19 v2 el legacy.c legacy_iproute2.clang19-v2.o -g0 -DIPROUTE2
for name in tiny maps globals legacy struct_ops; do
  gcc_object little $name.c $name.gcc12.o
done
gcc_object little core.c core.gcc12.o -mco-re
for name in tiny maps; do
  gcc_object big $name.c $name.gcc12.eb.o
done
