#!/usr/bin/env bash
# Lighthouse on the first page and on a matter's page of a running service:
#   tools/lighthouse.sh [http://127.0.0.1:8080] [事项编码]
# Needs npm, the network and Chromium; run by hand, its figures stand in
# docs/pages.md. Exits 1 if a score is below 95.
set -euo pipefail
base=${1:-http://127.0.0.1:8080}
matter=${2:-AL-JZ-002}
export CHROME_PATH=${CHROME_PATH:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for path in / "/matters/$matter"; do
  npx --yes lighthouse@12.8.2 "$base$path" --quiet --chrome-flags='--headless --no-sandbox' \
    --only-categories=performance,accessibility,best-practices --output=json --output-path="$out/report.json"
  node -e '
    const report = require(process.argv[1]);
    for (const c of Object.values(report.categories)) {
      console.log(process.argv[2].padEnd(24), c.title.padEnd(16), Math.round(100 * c.score));
      if (c.score < 0.95) process.exitCode = 1;
    }' "$out/report.json" "$path"
done
