#!/bin/sh
# Draw the diagram of the README as docs/flow.svg, for the site. It needs npm and a chromium.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
sed -n '/^```mermaid$/,/^```$/{/^```/!p}' README.md > "$folder/flow.mmd"
echo '{"theme": "neutral", "flowchart": {"htmlLabels": false}}' > "$folder/mermaid.json"
printf '{"executablePath": "%s", "args": ["--no-sandbox"]}' "$(command -v chromium)" > "$folder/browser.json"
PUPPETEER_SKIP_DOWNLOAD=1 npx --yes --package @mermaid-js/mermaid-cli mmdc --quiet --backgroundColor white \
  --configFile "$folder/mermaid.json" --puppeteerConfigFile "$folder/browser.json" \
  --input "$folder/flow.mmd" --output "$folder/flow.svg"
{
  cat "$folder/flow.svg"
  # A test compares this with the diagram.
  printf '\n<!-- %s -->\n' "$(sha256sum < "$folder/flow.mmd" | cut -d ' ' -f 1)"
} > docs/flow.svg
