#!/bin/sh
# Sees to what the build needs: Swift, and some Debian packages, of which it installs those that are missing.
# Further packages can be named as arguments. Does nothing, and needs no network, when all is there.
set -eu

if ! command -v swift >/dev/null; then
    echo "Swift 6.1 or later is needed; see https://www.swift.org/install/linux" >&2
    exit 1
fi

packages="git ca-certificates g++ pkgconf libopenblas-dev libpng-dev libsentencepiece-dev $*"

if ! command -v apt-get >/dev/null; then
    # Not Debian: look for the libraries themselves.
    pkg-config --exists openblas libpng sentencepiece && exit 0
    echo "Please install OpenBLAS, libpng and SentencePiece with their headers, pkg-config and a C++ library." >&2
    echo "(On Debian: $packages)" >&2
    exit 1
fi

missing=""
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=none
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing Debian packages:$missing" >&2
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null; then
        as_root="sudo "
    else
        echo "That needs root. Please run as root: apt-get update && apt-get install$missing" >&2
        exit 1
    fi
fi
if ${as_root}apt-get update -q &&
    ${as_root}env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; then
    exit 0
fi
echo "That did not work. Please run: ${as_root}apt-get update && ${as_root}apt-get install$missing" >&2
exit 1
