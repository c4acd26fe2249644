#!/bin/sh
# Tries a Debian package in a Debian system of its own, made with debootstrap: Tools/debian/test.sh PACKAGE
# Needs root. SUITE and MIRROR say which Debian, and where from.
set -eu

cd "$(dirname "$0")/../.."
package=$1
suite=${SUITE:-$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")}
mirror=${MIRROR:-http://deb.debian.org/debian}
[ "$(id -u)" = 0 ] || {
    echo "$0 needs root, to unpack a Debian system; run: sudo make deb-test" >&2
    exit 1
}

system=$(mktemp -d)
trap 'rm -rf --one-file-system "$system"' EXIT
chmod 755 "$system"
fail() {
    echo "deb-test: $*" >&2
    exit 1
}
# A command in the system. /proc, where the program finds itself, goes with the command.
inside() {
    unshare --mount --fork sh -c 'mount -t proc proc "$1/proc" && system=$1 && shift && exec chroot "$system" "$@"' \
        sh "$system" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}

echo "== a fresh $suite"
debootstrap --variant=minbase "$suite" "$system" "$mirror" >"$system.log" 2>&1 || {
    cat "$system.log" >&2
    exit 1
}
rm -f "$system.log"
inside sh -c 'dpkg-query -W -f "\${Package}\n" | sort; find /usr /etc /bin /lib -xdev | sort' >"$system/tmp/before"
# Manual pages and such are wanted here, unlike in small images.
rm -f "$system"/etc/dpkg/dpkg.cfg.d/*

echo "== installing $(basename "$package")"
cp "$package" "$system/tmp/limn.deb"
inside apt-get install -q -y --no-install-recommends /tmp/limn.deb
inside ldd /usr/bin/limn | grep "not found" && fail "a library is missing"

echo "== drawing"
inside sh -c 'cd /tmp && limn "red apple" --seed 1 --output apple.png && limn info apple.png'
inside sh -c 'cd /tmp && limn --from apple.png --quiet --output again.png && cmp apple.png again.png'
size=$(wc -c <"$system/tmp/apple.png")
[ "$size" -gt 3000 ] || fail "a picture of only $size bytes is flat"

echo "== the tokenizer for checkpoint files"
cp Tests/Fixtures/originals/sd1.safetensors "$system/tmp/"
inside sh -c 'cd /tmp && limn tokenize "red apple" -m sd1.safetensors'

echo "== manual, completions, documents"
inside sh -c 'gzip -t /usr/share/man/man1/limn.1.gz /usr/share/man/man1/limn-generate.1.gz'
inside bash -n /usr/share/bash-completion/completions/limn
for file in zsh/vendor-completions/_limn fish/vendor_completions.d/limn.fish doc/limn/copyright doc/limn/README.md \
    doc/limn/changelog.gz limn/tokenizer/icons-128/spiece.model; do
    [ -s "$system/usr/share/$file" ] || fail "$file is missing"
done
inside sh -c 'cd /tmp && dpkg --verify limn'

echo "== removing"
inside apt-get purge -q -y --auto-remove limn
[ -z "$(find "$system/usr" -path '*limn*' ! -path '*/lib/apt/*')" ] || fail "files are left behind"
echo "deb-test: passed"
