#!/bin/sh
# Builds a Debian package of what `make install` installs: Tools/debian/build.sh FOLDER. Prints the package's name.
# MAINTAINER names who answers for the package; DEBIAN_REVISION is the number behind the version.
set -eu

cd "$(dirname "$0")/../.."
folder=$1
program=${LIMN:-.build/release/limn}
maintainer=${MAINTAINER:-"$(git config user.name || echo Limn) <$(git config user.email || echo root@localhost)>"}
# The last commit's time stands for "now", so that the same sources give the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
root=$work/debian/limn
version=$("$program" --version)-${DEBIAN_REVISION:-1}
architecture=$(dpkg --print-architecture)

make --no-print-directory install LIMN="$program" DESTDIR="$root" PREFIX=/usr >&2
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/limn"
doc=$root/usr/share/doc/limn
install -d "$doc"
# With the paths that they link to each other by.
cp -R --parents README.md docs weights/README.md tokenizer/*/README.md tokenizer/clip/LICENSE "$doc/"
install -m 644 Tools/debian/copyright "$doc/copyright"
gzip -9nc CHANGELOG.md > "$doc/changelog.gz"
cat > "$work/changelog" <<END
limn ($version) unstable; urgency=medium

  * Built from the sources of this version; see changelog.gz.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
END
gzip -9nc "$work/changelog" > "$doc/changelog.Debian.gz"
gzip -9n "$root"/usr/share/man/man1/*.1
rm -f "$root"/usr/share/limn/tokenizer/*/README.md "$root/usr/share/limn/tokenizer/clip/LICENSE"
# The file is read by the shell, not run: Debian wants no #! line in it.
sed -i '1{/^#!/d}' "$root/usr/share/bash-completion/completions/limn"
# Where Debian's packages have theirs; site-functions is for what is installed by hand.
mkdir "$root/usr/share/zsh/vendor-completions"
mv "$root/usr/share/zsh/site-functions/_limn" "$root/usr/share/zsh/vendor-completions/"
rmdir "$root/usr/share/zsh/site-functions"
chmod -R u=rwX,go=rX "$root"

# Which packages the program's libraries are in.
cat > "$work/debian/control" <<END
Source: limn

Package: limn
Architecture: $architecture
END
depends=$(cd "$work" && dpkg-shlibdeps -O debian/limn/usr/bin/limn 2>"$work/shlibdeps.log") || {
    cat "$work/shlibdeps.log" >&2
    exit 1
}

install -d "$root/DEBIAN"
cat > "$root/DEBIAN/control" <<END
Package: limn
Version: $version
Section: graphics
Priority: optional
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
Depends: ${depends#shlibs:Depends=}
Description: text-to-image generation on ordinary CPUs
 Limn generates images from text with latent diffusion models of the Stable
 Diffusion family, on the CPU alone: no GPU, no Python and no machine-learning
 framework is needed. It reads diffusers folders, single checkpoint files and
 LoRAs, and its results match those of diffusers with the same seed.
 .
 A small model that draws emoji-like icons from prompts in twelve languages is
 included.
END
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums"
find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

mkdir -p "$folder"
package=$folder/limn_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >&2
echo "$package"
