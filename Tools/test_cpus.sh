#!/bin/sh
# Runs the tests of kernels and of whole runs as other CPUs would: for each set of kernels that this CPU has, and each
# of OpenBLAS's cores that it can run. Prints a table, and ends with 1 if anything failed.
#
# OpenBLAS is called in two places: by the portable set for all its products (operations/product.h in CKernels), and
# for merging LoRAs (merging.c), which is the same with every set. So only the portable set is run on every core, and
# the others on the core that OpenBLAS picks by itself ("unset").
#
# KERNEL_SETS, OPENBLAS_CORES and TEST_FILTER narrow it down.
set -u
cd "$(dirname "$0")/.."

build=.build-tests
filter=${TEST_FILTER:-TensorsTests|ModelsTests|LimnTests|LimnCLITests|LoRA}
test="swift test -c release --disable-xctest --scratch-path $build"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# What decides about kernels must come from here alone.
unset LIMN_KERNELS OPENBLAS_CORETYPE

# Built as `make test` builds: other flags would have all of it compiled anew.
$test --filter '^nothing$' >"$log" 2>&1 || {
    cat "$log"
    exit 1
}
sets=${KERNEL_SETS:-$(LIMN_KERNELS=none "$build/release/limn" bench icons-128 2>&1 |
    sed -n 's/.*it can run: //p' | tr -d ,)}
[ -n "$sets" ] || {
    echo "test-cpus: limn does not tell which kernels this CPU can run" >&2
    exit 1
}

# OpenBLAS takes the core that it is told, whether or not the CPU has the instructions.
can() {
    [ "$(uname -m)" = x86_64 ] || return 1
    for flag; do grep -qw "$flag" /proc/cpuinfo || return 1; done
}
runs() {
    case $1 in
    unset) true ;;
    Prescott) can pni ;;
    Sandybridge) can avx ;;
    Haswell | Zen) can avx2 fma ;;
    SkylakeX) can avx512f avx512bw avx512dq avx512vl ;;
    *) false ;;
    esac
}
cores=""
for core in ${OPENBLAS_CORES:-unset Haswell Zen SkylakeX Sandybridge Prescott}; do
    if runs "$core"; then cores="$cores $core"; else echo "test-cpus: this CPU cannot run OpenBLAS's core $core"; fi
done

# The outcome of a run in a few words: "passed 431", "FAILED 2 of 431", "CRASHED".
outcome() {
    awk -v status="$1" '
        /^✘ Test .* failed after / { failed++ }
        /Test run with [0-9]+ tests? / { for (i = 1; i < NF; i++) if ($i == "with") { count = $(i + 1); break } }
        END {
            if (count == "") print "CRASHED"
            else if (count == 0) print "NO TESTS"
            else if (status == 0) print "passed " count
            else print "FAILED " failed + 0 " of " count
        }' "$log"
}

failed=0
table=$(printf '%-11s' kernels; for core in $cores; do printf ' %-16s' "$core"; done)
for set in $sets; do
    row=$(printf '%-11s' "$set")
    for core in $cores; do
        if [ "$set" != portable ] && [ "$core" != unset ]; then
            row="$row $(printf '%-16s' ·)"
            continue
        fi
        echo "== kernels $set, OpenBLAS's core $core"
        if [ "$core" = unset ]; then
            LIMN_KERNELS=$set $test --skip-build --filter "$filter" >"$log" 2>&1
        else
            # What a step allocates does not depend on OpenBLAS's core, and takes the longest to test.
            LIMN_KERNELS=$set OPENBLAS_CORETYPE=$core $test --skip-build --filter "$filter" \
                --skip StepAllocationTests >"$log" 2>&1
        fi
        status=$?
        result=$(outcome $status)
        if [ $status -ne 0 ] || [ "${result% *}" != passed ]; then
            failed=1
            grep -E '^✘|error:|[Ff]atal' "$log" || tail -n 30 "$log"
        fi
        echo "   $result"
        row="$row $(printf '%-16s' "$result")"
    done
    table="$table
$row"
done
printf '\n%s\n' "$table"
exit $failed
