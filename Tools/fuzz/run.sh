#!/usr/bin/env bash
# Looks with libFuzzer for files that crash a reader of weights: Tools/fuzz/run.sh [libFuzzer's options]
# What reaches new code is kept in .build/fuzz/corpus; a file that crashed a reader lies beside it as crash-….
set -euo pipefail
cd "$(dirname "$0")/../.."

# The kernels in C are taken from the program's own build.
make build
kernels=$(find -L .build/release/CKernels.build -maxdepth 0)
work=.build/fuzz
mkdir -p "$work/corpus"
# Not optimized: that builds in seconds, and checks of overflow and bounds are the same.
options=(-Onone -swift-version 6 -package-name limn -parse-as-library -sanitize=fuzzer)
swiftc "${options[@]}" -wmo -c -emit-module -emit-module-path "$work/Platform.swiftmodule" -module-name Platform \
    $(find Sources/Platform -name '*.swift') -o "$work/Platform.o"
swiftc "${options[@]}" -module-name Fuzz -I "$work" \
    -Xcc "-fmodule-map-file=$kernels/module.modulemap" -Xcc -ISources/CKernels/include \
    $(find Sources/Checkpoints -name '*.swift') Tools/fuzz/Fuzz.swift "$work/Platform.o" "$kernels"/*.o \
    -lopenblas -lm -o "$work/fuzz"
# Magic numbers and counts are met only by looking at what they are compared with.
exec "$work/fuzz" -use_value_profile=1 -max_len=20000 -timeout=10 -rss_limit_mb=1024 \
    -artifact_prefix="$work/" "$@" "$work/corpus" Tests/Fixtures/Checkpoints/torch Tests/Fixtures/Checkpoints/gguf
