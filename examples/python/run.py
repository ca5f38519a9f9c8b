"""Sends a photo through a deployment and saves the picture: python3 examples/python/run.py [photo.jpg]"""
import base64, json, os, pathlib, sys, time, urllib.error, urllib.request

BASE = os.environ.get('COMFLEET_URL', 'http://127.0.0.1:7788').rstrip('/') + '/prod/v1'
TOKEN = os.environ.get('COMFLEET_TOKEN') or pathlib.Path('.comfleet/admin-token').read_text().strip()
HERE = pathlib.Path(__file__).resolve().parent.parent


def call(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {'Authorization': f'Bearer {TOKEN}', 'Content-Type': 'application/json'}
    request = urllib.request.Request(url if url.startswith('http') else BASE + url, data, headers)
    try:
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        sys.exit(f'{error.code} {error.read().decode()}')
    except urllib.error.URLError as error:
        sys.exit(f'{BASE} cannot be reached: {error.reason}')


photo = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE / 'photo.jpg').read_bytes()
graph = json.loads((HERE / 'workflow.json').read_text())

workflow = call('/workflows', {'name': 'Glow print'})
call(f"/workflows/{workflow['id']}/versions", {'workflow_api_json': graph})
deployment = call('/deployments', {
    'name': 'Glow print', 'workflow_id': workflow['id'], 'workflow_version': 'latest',
})

image = 'data:;base64,' + base64.b64encode(photo).decode()
request = call(f"/deployments/{deployment['id']}/inference", {
    'overrides': {'1': {'inputs': {'image': image}}, '4': {'inputs': {'blend_factor': 0.85}}},
})
print('submitted', request['request_id'])

status = ''
while status != 'completed' and not status.startswith('cancel'):
    now = call(request['status_url'])['status']
    if now != status:
        print(now)
    status = now
    time.sleep(0.2)

result = call(request['result_url'])
if result['status'] != 'succeeded':
    sys.exit(json.dumps(result.get('error', result)))
url = next(iter(result['outputs'].values()))['images'][0]['url']
with urllib.request.urlopen(url) as reply:
    pathlib.Path('picture.png').write_bytes(reply.read())
print('saved picture.png')
