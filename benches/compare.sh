#!/usr/bin/env bash
# Compares wimkit with wimlib-imagex and 7-Zip on the same files, in turn, and prints a table of ratios.
#
#   benches/compare.sh                    on the corpus of ../shared/corpus (built at the first run)
#   benches/compare.sh --tree DIR         on any directory tree
#   benches/compare.sh --row verify …     only rows whose name contains one of the words
#   benches/compare.sh codecs             the codecs alone against wimlib's, on one thread, on 64 MiB of the tree
#   benches/compare.sh codecs --picture   every level of both: docs/codecs.tsv, and docs/codecs.svg drawn from it
#                                         (--row lzx: of this format alone)
#   benches/compare.sh packages           cabinets of 300 MB against cabextract and 7zz, on one thread and on several
#   benches/compare.sh changes            capture, append, apply, and replacing a file of 300 MiB in a WIM of 4 GiB
#
# Options: --runs N (default 5), --lzms-runs N (default 3: solid LZMS takes a minute a run), --threads N (default 2), --work DIR
# (default /dev/shm/wimkit-compare: a tmpfs, so that the disk is not measured), --sample FILE (for codecs, another file).
# Needs wimtools, 7zip, python3, for codecs libwim15, for packages cabextract and gcab (apt-get install wimtools 7zip python3
# libwim15 cabextract gcab). Rows that make solid archives take minutes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")

runs=5 lzms_runs=3 threads=2 work=/dev/shm/wimkit-compare tree='' rows=() codecs=false packages=false changes=false picture=false sample=''
while [ $# -gt 0 ]; do
    case $1 in
    codecs) codecs=true; shift ;;
    packages) packages=true; shift ;;
    changes) changes=true; shift ;;
    --picture) picture=true; shift ;;
    --sample) sample=$(realpath "$2"); shift 2 ;;
    --runs) runs=$2; shift 2 ;;
    --lzms-runs) lzms_runs=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    --work) work=$2; shift 2 ;;
    --tree) tree=$2; shift 2 ;;
    --row) shift; while [ $# -gt 0 ] && [[ $1 != --* ]]; do rows+=("$1"); shift; done ;;
    *) sed -n '2,16p' "$0"; exit 2 ;;
    esac
done

needed=(wimlib-imagex 7zz python3)
! $codecs || needed=(python3)
! $packages || needed=(cabextract gcab 7zz python3)
for program in "${needed[@]}"; do
    command -v "$program" >/dev/null || { echo "compare.sh: $program is not installed" >&2; exit 2; }
done
cargo build --release --quiet --manifest-path "$repository/Cargo.toml"
wimkit="$repository/target/release/wimkit --quiet --threads $threads"
mkdir -p "$work"
cd "$work"
machine() { echo "Machine: $(nproc) CPUs, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"; }

# The inputs: a tree, a second edition of it, many small files; and WIMs of them that wimlib made.
if $codecs && [ -n "$sample" ]; then
    : # no tree is needed
elif [ -n "$tree" ]; then
    tree=$(realpath "$tree") second='' many=''
else
    corpus=$repository/../shared/corpus/make-corpus.sh
    [ -d corpus/winroot ] || INSTALL=1 "$corpus" "$work/corpus" >/dev/null
    tree=$work/corpus/winroot second=$work/corpus/winroot2 many=$work/corpus/many
fi
if $codecs; then
    if [ -z "$sample" ]; then
        sample=$work/$(basename "$tree")-sample.bin
        [ -f "$sample" ] || python3 "$repository/../shared/corpus/make-sample.py" "$tree" "$sample"
    fi
    measure=(python3 "$here/codecs.py" --runs "$runs" --lzms-runs "$lzms_runs")
    for word in "${rows[@]}"; do measure+=(--row "$word"); done
    if $picture; then
        "${measure[@]}" --curve "$repository/docs/codecs.tsv" "$repository/target/release/wimkit" "$sample"
        python3 "$here/picture.py" "$repository/docs/codecs.tsv" "$repository/docs/codecs.svg"
        echo "drawn: docs/codecs.svg. $(machine)"
        exit
    fi
    "${measure[@]}" "$repository/target/release/wimkit" "$sample" | tee codecs.txt
    echo
    column -t -s "$(printf '\t')" codecs.txt
    echo
    echo "table in $work/codecs.txt; speed ratios above 1: wimkit is faster. $(machine)"
    exit
fi
capture() { # capture FILE TREE OPTIONS...
    local file=$1 from=$2
    shift 2
    [ -f "$file" ] || wimlib-imagex capture "$from" "$file" "$(basename "$from")" --threads="$threads" "$@" >/dev/null
}
wanted() {
    [ ${#rows[@]} -eq 0 ] && return 0
    local word
    for word in "${rows[@]}"; do [[ $1 == *"$word"* ]] && return 0; done
    return 1
}
begin_table() {
    printf 'operation\tpeer\twimkit s\tpeer s\tpeer/wimkit min / median / max\tCPU\twimkit MiB\tpeer MiB\n' | tee table.txt
}
end_table() {
    echo
    column -t -s "$(printf '\t')" table.txt
    echo
    echo "table in $work/table.txt; ratios above 1: wimkit is faster. $(machine)"
}
row() { # row NAME PEER BEFORE OURS THEIRS
    wanted "$1" || return 0
    python3 "$here/pair.py" --runs "$runs" --before "$3" "$1" "$2" "$4" "$5" >>table.txt
    tail -n 1 table.txt
}

if $packages; then
    # Files of the tree in the order of their paths, up to 300 MB: one folder as gcab and wimkit make them, and several.
    if ! [ -d packed ]; then
        rm -rf packing && mkdir packing
        (cd "$tree" && find . -type f -printf '%s %P\n' | LC_ALL=C sort -k 2 |
            awk '{ size += $1 } size <= 300000000 { sub(/^[0-9]+ /, ""); print }' |
            tr '\n' '\0' | xargs -0 cp --parents -t "$work/packing")
        mv packing packed
    fi
    [ -f mszip.cab ] || (cd packed && find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 gcab -c -z ../mszip.new && mv ../mszip.new ../mszip.cab)
    [ -f lzx.cab ] || $wimkit cab create lzx.cab packed --compress lzx:3 --folder-size 1G
    [ -f folders.cab ] || $wimkit cab create folders.cab packed --compress lzx:3 --folder-size 32M
    clear='rm -rf out && mkdir out'
    begin_table
    for kind in mszip lzx; do
        one="$repository/target/release/wimkit --quiet --threads 1 expand $kind.cab --to out"
        row "expand $kind, 1 thread" cabextract "$clear" "$one" "cabextract -q -d out $kind.cab"
        row "expand $kind, 1 thread" 7zz "$clear" "$one" "7zz x -mmt1 -oout $kind.cab"
        row "list $kind" cabextract "$clear" "$wimkit expand -D $kind.cab" "cabextract -l $kind.cab"
    done
    row "expand folders, $threads threads" cabextract "$clear" "$wimkit expand folders.cab --to out" "cabextract -q -d out folders.cab"
    row "expand folders, $threads threads" 7zz "$clear" "$wimkit expand folders.cab --to out" "7zz x -mmt$threads -oout folders.cab"
    rm -rf out
    end_table
    exit
fi

capture none.wim "$tree" --compress=none
capture xpress.wim "$tree" --compress=XPRESS
capture lzx.wim "$tree" --compress=LZX
$changes || capture solid.esd "$tree" --solid
if [ -n "$second" ] && ! $changes && ! [ -f two.wim ]; then
    cp lzx.wim two.new
    wimlib-imagex append "$second" two.new second --threads="$threads" >/dev/null
    mv two.new two.wim
fi
[ -z "$many" ] || capture many.wim "$many" --compress=LZX

clear='rm -rf out'
if $changes; then
    begin_table
    row 'capture lzx' wimlib "$clear" "$wimkit capture $tree out" "wimlib-imagex capture $tree out --compress=LZX --threads=$threads"
    if wanted 'capture lzx'; then
        rm -f out ours.wim && $wimkit capture "$tree" ours.wim
        echo "capture lzx: $(stat -c %s ours.wim) bytes, wimlib $(stat -c %s lzx.wim)"
    fi
    if [ -n "$second" ]; then
        row 'append a second edition' wimlib "$clear && cp lzx.wim out" "$wimkit append $second out --name second" \
            "wimlib-imagex append $second out second --threads=$threads"
    fi
    for kind in none.wim xpress.wim lzx.wim; do
        row "apply ${kind%.*}" wimlib "$clear" "$wimkit apply $kind 1 out" "wimlib-imagex apply $kind 1 out"
    done
    [ -z "$many" ] || row 'apply, 100,000 files' wimlib "$clear" "$wimkit apply many.wim 1 out" "wimlib-imagex apply many.wim 1 out"
    if wanted 'update 300 MiB in 4 GiB'; then
        if ! [ -f big.wim ]; then
            mkdir -p big
            for part in 1 2 3 4 5 6 7 8 9 10 11 12 13; do head -c 315M /dev/urandom >"big/$part.bin"; done
            wimlib-imagex capture big big.new big --compress=none >/dev/null && mv big.new big.wim
            rm -rf big
            head -c 300M /dev/urandom >new.bin
        fi
        row 'update 300 MiB in 4 GiB' wimlib "cp big.wim out" "$wimkit update out 1 --command 'add new.bin /5.bin'" \
            "wimlib-imagex update out 1 --command='add new.bin /5.bin'"
        cp big.wim out
        $wimkit update out 1 --command 'add new.bin /5.bin'
        echo "update: the file grew by $(($(stat -c %s out) - $(stat -c %s big.wim))) bytes for one of $(stat -c %s new.bin)"
    fi
    rm -rf out
    end_table
    exit
fi
begin_table
for kind in none.wim xpress.wim lzx.wim solid.esd; do
    row "verify ${kind%.*}" wimlib "$clear" "$wimkit verify $kind" "wimlib-imagex verify $kind"
    row "verify ${kind%.*}" 7zz "$clear" "$wimkit verify $kind" "7zz t $kind"
    row "extract ${kind%.*}" wimlib "$clear" "$wimkit extract $kind 1 --to out" "wimlib-imagex apply $kind 1 out"
    row "extract ${kind%.*}" 7zz "$clear" "$wimkit extract $kind 1 --to out" "7zz x -oout $kind"
done
if [ -f two.wim ]; then
    row 'export raw, two images' wimlib "$clear" "$wimkit export two.wim all out" "wimlib-imagex export two.wim all out"
    row 'export raw, two images' cp "$clear" "$wimkit export two.wim all out" "cp two.wim out"
fi
row 'info' wimlib "$clear" "$wimkit info lzx.wim" "wimlib-imagex info lzx.wim"
if [ -f many.wim ]; then
    row 'info, 100,000 files' wimlib "$clear" "$wimkit info many.wim" "wimlib-imagex info many.wim"
    row 'ls, 100,000 files' wimlib "$clear" "$wimkit ls -R many.wim 1" "wimlib-imagex dir many.wim 1"
    row 'ls, 100,000 files' 7zz "$clear" "$wimkit ls -R many.wim 1" "7zz l many.wim"
    row 'ls -l, 100,000 files' wimlib "$clear" "$wimkit ls -lR many.wim 1" "wimlib-imagex dir --detailed many.wim 1"
    row 'verify, 100,000 files' wimlib "$clear" "$wimkit verify many.wim" "wimlib-imagex verify many.wim"
    row 'extract, 100,000 files' wimlib "$clear" "$wimkit extract many.wim 1 --to out" "wimlib-imagex apply many.wim 1 out"
fi
row 'export lzx to xpress' wimlib "$clear" "$wimkit export lzx.wim all out --compress xpress" \
    "wimlib-imagex export lzx.wim all out --compress=XPRESS --threads=$threads"
row 'export xpress to lzx' wimlib "$clear" "$wimkit export xpress.wim all out --compress lzx" \
    "wimlib-imagex export xpress.wim all out --compress=LZX --threads=$threads"
row 'export esd to lzx' wimlib "$clear" "$wimkit export solid.esd all out --compress lzx" \
    "wimlib-imagex export solid.esd all out --compress=LZX --no-solid --threads=$threads"
row 'export lzx to solid' wimlib "$clear" "$wimkit export lzx.wim all out --compress lzms --solid" \
    "wimlib-imagex export lzx.wim all out --solid --threads=$threads"
row 'optimize, recompressed to lzx' wimlib "$clear && cp lzx.wim out" "$wimkit optimize out --compress lzx --recompress" \
    "wimlib-imagex optimize out --recompress --compress=LZX --threads=$threads"
rm -rf out
end_table
