#!/usr/bin/env bash
# Makes src/transports/avatar/wire/avatar_pb.ts from avatar.proto beside it. To be run after a change of the .proto;
# npx fetches the two tools, which nothing else needs.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=src/transports/avatar/wire
template='{"version":"v2","plugins":[{"local":"protoc-gen-es","out":"'$folder'","opt":["target=ts","import_extension=ts","erasable_syntax=true"]}]}'
npx --yes --ignore-scripts --package @bufbuild/buf@1.75.0 --package @bufbuild/protoc-gen-es@2.17.0 -- \
  buf generate "$folder" --template "$template"
node_modules/.bin/biome format --write "$folder/avatar_pb.ts"
