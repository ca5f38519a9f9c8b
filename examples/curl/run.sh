#!/usr/bin/env bash
# Sends a photo through a deployment and saves the picture: examples/curl/run.sh [photo.jpg]
set -euo pipefail

examples=$(cd "$(dirname "$0")/.." && pwd)
photo=${1:-$examples/photo.jpg}
[ -f "$photo" ] || { echo "there is no photo $photo" >&2; exit 1; }
url=${COMFLEET_URL:-http://127.0.0.1:7788}
base=${url%/}/prod/v1
token=${COMFLEET_TOKEN:-$(cat .comfleet/admin-token)}

# Both show the answer of a call that fails: its error_message and hint say what to do.
get() { call "$1"; }
post() { call -H 'Content-Type: application/json' -d @- "$base$1"; }
call() {
  local answer
  answer=$(curl -sS --fail-with-body -H "Authorization: Bearer $token" "$@") || { echo "$answer" >&2; return 1; }
  echo "$answer"
}
field() { node -e "const text = require('fs').readFileSync(0, 'utf8'); if (!text) process.exit(1);
  const answer = JSON.parse(text); console.log(answer$1)"; }

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

while sleep 0.2; do
  status=$(get "$(echo "$request" | field .status_url)" | field .status)
  case $status in completed | cancel*) break ;; esac
done

result=$(get "$(echo "$request" | field .result_url)")
[ "$(echo "$result" | field .status)" = succeeded ] || { echo "$result" >&2; exit 1; }
curl -fsS -o picture.png "$(echo "$result" | field '.outputs[9].images[0].url')"
echo 'saved picture.png'
