#!/usr/bin/env bash
# Builds the release into ./dist: static binaries for linux amd64 and arm64, an
# archive of each, the OCI image of both, the bill of materials and the
# checksums. The same commit gives the same bytes, whatever the folder.
#
#   tools/release.sh              everything
#   tools/release.sh amd64        only this architecture, no image
set -euo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-dist}
archs=("${@:-}")
[ -n "${archs[0]}" ] || archs=(amd64 arm64)

[ -z "$(git status --porcelain)" ] || { echo 'release: 有没有提交的修改：发布版必须来自一个提交' >&2; exit 1; }
version=$(git describe --tags --always --match 'v*')
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=1 GOFLAGS=-mod=readonly LC_ALL=C TZ=UTC

# The C++ compiler of each architecture, and what gives it on Debian.
compiler() {
  case $1 in
    "$(go env GOHOSTARCH)") echo gcc g++ g++ ;;
    amd64) echo x86_64-linux-gnu-gcc x86_64-linux-gnu-g++ g++-x86-64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu-gcc aarch64-linux-gnu-g++ g++-aarch64-linux-gnu ;;
    *) echo "release: 不支持 $1" >&2; return 1 ;;
  esac
}

mkdir -p "$out"
for arch in "${archs[@]}"; do
  read -r cc cxx package <<<"$(compiler "$arch")"
  command -v "$cxx" >/dev/null || { echo "release: 缺少 $cxx：apt-get install $package" >&2; exit 1; }
  echo "== linux/$arch"
  # Static, so that it runs on any Linux: names are resolved and users looked
  # up in Go, and time zones come along.
  GOOS=linux GOARCH=$arch CC=$cc CXX=$cxx go build -trimpath -tags netgo,osusergo,timetzdata \
    -ldflags '-s -w -linkmode external -extldflags "-static -Wl,--build-id=none"' -o "$out/govqa-linux-$arch" ./cmd/govqa
  dir=govqa-$version-linux-$arch
  rm -rf "${out:?}/$dir"
  mkdir "$out/$dir"
  cp "$out/govqa-linux-$arch" "$out/$dir/govqa"
  cp LICENSE NOTICE README.md CHANGELOG.md "$out/$dir/"
  cp -r deploy docs "$out/$dir/"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=u+rwX,go+rX,go-w \
    -C "$out" -cf - "$dir" | gzip -9n >"$out/$dir.tar.gz"
  rm -rf "${out:?}/$dir"
done

if [ ${#archs[@]} -gt 1 ]; then
  echo '== image'
  (cd tools/image && go run . -out "../../$out/image" -version "$version" "../../$out/govqa-linux-amd64" "../../$out/govqa-linux-arm64")
  rm -f "$out/govqa-$version-image.tar"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$out/image" -cf "$out/govqa-$version-image.tar" .
  rm -rf "${out:?}/image"
  echo '== bill of materials'
  # Of the program that was built, not of what the folder might become.
  bom=$out/govqa-$version.cdx.json
  go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -json -licenses -noserial -version "$version" -output "$bom" "$out/govqa-linux-amd64"
  sed -i -E "s/(\"timestamp\": )\"[^\"]*\"/\1\"$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)\"/" "$bom"
fi
(cd "$out" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | sort | xargs sha256sum >SHA256SUMS && cat SHA256SUMS)
