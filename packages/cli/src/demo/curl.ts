// The same walk as lines for a shell, to be run from the project's folder while `npm start` runs in another terminal.

export function curlLines(photo: string, overrides: Record<string, unknown>): string {
  const others = JSON.stringify(overrides).slice(1);
  const quoted = photo.replaceAll("'", `'\\''`);
  return `# in another terminal: npm start
BASE=http://127.0.0.1:7788/prod/v1
TOKEN=$(cat .comfleet/admin-token)
get() { curl -fsS -H "Authorization: Bearer $TOKEN" "$1"; }
post() { curl -fsS -H "Authorization: Bearer $TOKEN" -d @- "$BASE$1"; }
field() { node -pe "JSON.parse(require('fs').readFileSync(0))$1"; }

WORKFLOW=$(echo '{"name": "Glow print"}' | post /workflows | field .id)
echo "{\\"workflow_api_json\\": $(cat examples/workflow.json)}" | post "/workflows/$WORKFLOW/versions"
DEPLOYMENT=$(echo "{\\"name\\": \\"Glow print\\", \\"workflow_id\\": \\"$WORKFLOW\\", \\"workflow_version\\": \\"latest\\"}" |
  post /deployments | field .id)
REQUEST=$({ printf '{"overrides": {"1": {"inputs": {"image": "data:;base64,'; base64 < '${quoted}' | tr -d '\\n'
  printf '"}}, ${others}}'; } | post "/deployments/$DEPLOYMENT/inference")
until get "$(echo "$REQUEST" | field .status_url)" | grep completed; do sleep 0.2; done
curl -fsS -o picture.png "$(get "$(echo "$REQUEST" | field .result_url)" | field '.outputs[9].images[0].url')"`;
}
