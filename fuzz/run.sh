#!/bin/sh
# Attacks the decoders with libFuzzer: fuzz/run.sh SECONDS [MEMBER …]
#
# Each member is attacked for so many seconds, two at a time; without names, all are. Works on stable Rust: the flags
# are those of `cargo fuzz run -s none`, without a sanitizer. Needs a C++ compiler. Fails on a finding, whose input
# is then in fuzz/artifacts: MEMBER=… fuzz/target/…/release/decode INPUT repeats it.
set -eu
cd "$(dirname "$0")"
seconds=${1:?how many seconds?}
shift

target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1" \
    cargo build --release --target "$target" --bin decode
decode=target/$target/release/decode

attack() {
    rm -rf "artifacts/$1"
    mkdir -p "corpus/$1" "artifacts/$1"
    # A member that cannot even make its seeds has failed already.
    MEMBER=$1 SEEDS=corpus/$1 "$decode" > "artifacts/$1.log" 2>&1 || return 1
    for image in ../sketches/tests/golden/"$1"-v*.bin; do
        # The first byte says that it is an image.
        [ ! -e "$image" ] || { printf '\0'; cat "$image"; } > "corpus/$1/$(basename "$image" .bin)"
    done
    MEMBER=$1 "$decode" -max_total_time="$seconds" -timeout=10 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="artifacts/$1/" "corpus/$1" > "artifacts/$1.log" 2>&1 || return 1
    rmdir "artifacts/$1"
}

members=${*:-$(MEMBER= "$decode" 2> /dev/null || true)}
findings=
while [ -n "$members" ]; do
    # shellcheck disable=SC2086 # Names are words.
    set -- $members
    first=$1 second=${2:-}
    shift; [ -z "$second" ] || shift
    members=$*
    attack "$first" & first_id=$!
    if [ -n "$second" ]; then
        attack "$second" & second_id=$!
        wait $second_id || findings="$findings $second"
    fi
    wait $first_id || findings="$findings $first"
    for member in $first $second; do
        told=$(grep -a -E -A1 '^Done|panicked|allocated at once|SUMMARY' "artifacts/$member.log" | head -n 2 | tr '\n' ' ')
        printf '%-20s %s\n' "$member" "$told"
    done
done
[ -z "$findings" ] || { echo "findings:$findings (see fuzz/artifacts)"; exit 1; }
