#!/bin/sh
# Compiles the kernels and these checks for 64-bit ARM and runs them, under emulation where the CPU is another. What
# emulation cannot tell is how fast they are, and what a real core's memory does with several threads.
set -eu
cd "$(dirname "$0")/../.."

build=.build-neon
mkdir -p "$build"
# The compiler of the Swift toolchain, as for the library: other compilers lack its vector extensions.
clang=$(dirname "$(readlink -f "$(command -v swift)")")/clang
[ -x "$clang" ] || clang=clang

target="" emulator=""
if [ "$(uname -m)" != aarch64 ]; then
    # Linked statically, so that the emulator needs no libraries.
    target="--target=aarch64-linux-gnu -fuse-ld=lld -static"
    emulator=${QEMU:-qemu-aarch64}
fi

# Tests/NEON comes first among the folders of headers: its cblas.h stands in for OpenBLAS's.
$clang $target -std=gnu17 -O2 -Wall -Wextra -Wno-unused-parameter -Werror \
    -ITests/NEON -ISources/CKernels -ISources/CKernels/include \
    Tests/NEON/*.c Sources/CKernels/*.c -lm -o "$build/checks"
exec $emulator "$build/checks"
