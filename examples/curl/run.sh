#!/usr/bin/env bash
# Sends a photo through a deployment and saves the picture: examples/curl/run.sh [photo.jpg]
set -euo pipefail

examples=$(cd "$(dirname "$0")/.." && pwd)
photo=${1:-$examples/photo.jpg}
base=${COMFLEET_URL:-http://127.0.0.1:7788}/prod/v1
token=${COMFLEET_TOKEN:-$(cat .comfleet/admin-token)}

get() { curl -fsS -H "Authorization: Bearer $token" "$1"; }
post() { curl -fsS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d @- "$base$1"; }
field() { node -pe "const answer = JSON.parse(require('fs').readFileSync(0)); answer$1"; }

workflow=$(echo '{"name": "Glow print"}' | post /workflows | field .id)
{ echo '{"workflow_api_json":'; cat "$examples/workflow.json"; echo '}'; } | post "/workflows/$workflow/versions" > /dev/null
deployment=$(echo "{\"name\": \"Glow print\", \"workflow_id\": \"$workflow\", \"workflow_version\": \"latest\"}" |
  post /deployments | field .id)

request=$({
  printf '{"overrides": {"1": {"inputs": {"image": "data:;base64,'
  base64 < "$photo" | tr -d '\n'
  printf '"}}, "4": {"inputs": {"blend_factor": 0.85}}}}'
} | post "/deployments/$deployment/inference")
echo "submitted $(echo "$request" | field .request_id)"

until [ "$(get "$(echo "$request" | field .status_url)" | field .status)" = completed ]; do sleep 0.2; done

result=$(get "$(echo "$request" | field .result_url)")
url=$(echo "$result" | field '.outputs?.[9].images[0].url ?? JSON.stringify(answer.error)')
curl -fsS -o picture.png "$url"
echo 'saved picture.png'
