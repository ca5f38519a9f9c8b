#!/usr/bin/env bash
# Cancels a run: examples/curl/cancel.sh
set -euo pipefail

url=${COMFLEET_URL:-http://127.0.0.1:7788}
base=${url%/}/prod/v2
token=${COMFLEET_TOKEN:-$(cat .comfleet/admin-token)}

call() {
  local answer
  answer=$(curl -sS --fail-with-body -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$@") ||
    { echo "$answer" >&2; return 1; }
  echo "$answer"
}
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1; }

workflow=$(call "$base/workflows" -d '{"name": "Plain"}' | field id)
call "$base/workflows/$workflow/versions" -d '{"workflow_api_json": {
  "1": {"class_type": "EmptyImage", "inputs": {"width": 512, "height": 512, "batch_size": 1, "color": 0}},
  "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "plain"}}}}' > /dev/null
deployment=$(call "$base/deployments" \
  -d "{\"name\": \"Plain\", \"workflow_id\": \"$workflow\", \"workflow_version\": \"latest\"}" | sed 's/,"payload".*/}/' | field id)

request=$(call "$base/deployments/$deployment/inference" \
  -d "{\"overrides\": {\"1\": {\"inputs\": {\"color\": $((RANDOM * 512 + RANDOM % 512))}}}}")
echo "submitted $(echo "$request" | field request_id)"
echo "cancel: $(call -X POST "$(echo "$request" | field cancel_url)" | field outcome)"

# A run may finish before the cancel reaches it: then it stays finished.
until status=$(call "$(echo "$request" | field status_url)" | field status); [[ $status =~ ^(completed|cancelled)$ ]]; do
  sleep 0.2
done
echo "then: $status"
