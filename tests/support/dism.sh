#!/bin/sh
# A stand-in for DISM. In the directory $DISM_STAND_IN are
#   calls    the command lines that it was called with
#   rules    what else than success it answers: lines `PATTERN ANSWER`, each for one call. PATTERN is of the shell and stands
#            for a part of the command line; ANSWER is a code, de:CODE (in German), hang, die
#   mounted  a directory with a file for each image that is mounted
# What is done to a mounted image is written into a file in it, which gets into the image by $WIMKIT.
set -eu
state=$DISM_STAND_IN
all=$*
echo "$all" >> "$state/calls"
mkdir -p "$state/mounted"

wim= mount= log= call=
for argument in "$@"; do
    case $argument in
        /LogPath:*) log=${argument#*:} ;;
        /ImageFile:*) wim=${argument#*:} ;;
        /MountDir:*|/Image:*) mount=${argument#*:} ;;
        /ScratchDir:*|/Distribution:*|/Source:*) ;;
        /*-*) call="$call $argument" ;;
        /PackagePath:*) call="$call ${argument##*/}" ;;
        /Commit|/Discard|/ResetBase|/Defer|/StartComponentCleanup) call="$call $argument" ;;
    esac
done
call=${call# }
[ -d "$(dirname "$log")" ] || { echo "no directory for the log"; exit 3; }
echo "2026-01-01 00:00:00, Info DISM $call" >> "$log"

# end CODE: as DISM ends. Exit codes have 8 bits here, so codes stand in the output.
language=en
end() {
    echo "2026-01-01 00:00:01, Error DISM DISM.EXE: $1" >> "$log"
    if [ $language = de ]; then
        printf '\nFehler: %s\n\nDer Vorgang konnte nicht abgeschlossen werden.\n' "$1"
    else
        printf '\nError: %s\n\nThe operation could not be completed.\n\nThe DISM log file can be found at %s\n' "$1" "$log"
    fi
    exit 1
}

printf '\nDeployment Image Servicing and Management tool\nVersion: 10.0.26100.1\n\n'
if [ -f "$state/rules" ]; then
    answer= rest=
    while read -r pattern word; do
        # shellcheck disable=SC2254
        case $all in
            *$pattern*) if [ -z "$answer" ]; then answer=$word; continue; fi ;;
        esac
        rest="$rest$pattern $word
"
    done < "$state/rules"
    printf %s "$rest" > "$state/rules"
    case $answer in
        '') ;;
        hang) printf '[==    3.0%%    ]\r'; exec sleep 600 ;;
        die) kill -9 $$ ;;
        de:*) language=de; end "${answer#de:}" ;;
        *) end "$answer" ;;
    esac
fi

# entry DIRECTORY: the file about what is mounted there.
entry() {
    echo "$state/mounted/$(echo "$1" | tr / _)"
}

case $call in
    /Mount-Image)
        [ -f "$wim" ] && [ -d "$mount" ] || end 0x80070002
        grep -qsx "Image File : $wim" "$state"/mounted/* && end 0xc1420127
        [ -z "$(ls -A "$mount")" ] || end 0xc1420125
        printf 'Mount Dir : %s\nImage File : %s\nImage Index : 1\nMounted Read/Write : Yes\nStatus : Ok\n\n' "$mount" "$wim" \
            > "$(entry "$mount")"
        mkdir -p "$mount/Windows/servicing"
        ;;
    /Unmount-Image*)
        [ -f "$(entry "$mount")" ] || end 0xc1420114
        if [ "$call" = "/Unmount-Image /Commit" ]; then
            wim=$(sed -n 's/^Image File : //p' "$(entry "$mount")")
            "$WIMKIT" update --quiet "$wim" 1 -c "add $mount/Windows/servicing/stand-in.txt /Windows/servicing/stand-in.txt" >&2
        fi
        rm -r "$mount/Windows" "$(entry "$mount")"
        ;;
    /Get-MountedImageInfo)
        printf 'Mounted images:\n\n'
        cat "$state"/mounted/* 2>/dev/null || printf 'No mounted images found.\n\n'
        ;;
    /Cleanup-Mountpoints) ;;
    *)
        [ -f "$(entry "$mount")" ] || end 3
        printf '\nImage Version: 10.0.26100.1742\n\nProcessing 1 of 1 - %s\n' "$call"
        for percent in 2.0 50.5 100.0; do printf '\r[=====     %s%%     ]' $percent; done
        printf '%s\r\n' "$call" >> "$mount/Windows/servicing/stand-in.txt"
        ;;
esac
printf '\nThe operation completed successfully.\n'
