"""Takes a signed webhook instead of polling, then cancels a run: python3 examples/python/webhook.py

The service must be allowed to call this machine: COMFLEET_ALLOW_PRIVATE_HOSTS=127.0.0.1:9099 npm start
"""
import base64, hashlib, hmac, http.server, json, os, pathlib, queue, sys, threading, time, urllib.error, urllib.request

BASE = os.environ.get('COMFLEET_URL', 'http://127.0.0.1:7788').rstrip('/') + '/prod/v2'
TOKEN = os.environ.get('COMFLEET_TOKEN') or pathlib.Path('.comfleet/admin-token').read_text().strip()
PORT = int(os.environ.get('WEBHOOK_PORT', '9099'))
GRAPH = {
    '1': {'class_type': 'EmptyImage', 'inputs': {'width': 512, 'height': 512, 'batch_size': 1, 'color': 0}},
    '2': {'class_type': 'SaveImage', 'inputs': {'images': ['1', 0], 'filename_prefix': 'plain'}},
}
events = queue.Queue()


def call(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {'Authorization': f'Bearer {TOKEN}', 'Content-Type': 'application/json'}
    request = urllib.request.Request(url if url.startswith('http') else BASE + url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        sys.exit(f'{error.code} {error.read().decode()}')
    except urllib.error.URLError as error:
        sys.exit(f'{BASE} cannot be reached: {error.reason}')


def is_genuine(headers, body):
    """Standard Webhooks: HMAC-SHA256 over "id.timestamp.body"; while a secret is rotated there are two signatures."""
    message, sent_at = headers.get('webhook-id', ''), headers.get('webhook-timestamp', '')
    if not sent_at.isdigit() or abs(time.time() - int(sent_at)) > 300:
        return False  # a repetition of an old call
    mac = hmac.new(base64.b64decode(SECRET), f'{message}.{sent_at}.'.encode() + body, hashlib.sha256)
    wanted = 'v1,' + base64.b64encode(mac.digest()).decode()
    return any(hmac.compare_digest(wanted, given) for given in headers.get('webhook-signature', '').split())


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('content-length', 0)))
        good = is_genuine(self.headers, body)
        self.send_response(204 if good else 401)  # answer at once; any 2xx within 10 s acknowledges
        self.end_headers()
        if good:
            events.put(json.loads(body))  # the same event may come twice: tell by webhook-id

    def log_message(self, *_):
        pass


SECRET = call('/webhooks/secret')['key'].removeprefix('whsec_')
server = http.server.ThreadingHTTPServer(('127.0.0.1', PORT), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()

workflow = call('/workflows', {'name': 'Plain'})
call(f"/workflows/{workflow['id']}/versions", {'workflow_api_json': GRAPH})
deployment = call('/deployments', {'name': 'Plain', 'workflow_id': workflow['id'], 'workflow_version': 'latest'})


def submit(extra):
    color = int.from_bytes(os.urandom(3), 'big')  # an identical run would get the earlier run's files
    body = {'overrides': {'1': {'inputs': {'color': color}}}, **extra}
    return call(f"/deployments/{deployment['id']}/inference", body)


request = submit({'webhook': f'http://127.0.0.1:{PORT}/'})
event = events.get(timeout=60)
assert event['request_id'] == request['request_id']
if event['status'] != 'succeeded':
    sys.exit(json.dumps(event))
with urllib.request.urlopen(event['outputs']['2']['images'][0]['url']) as reply:
    pathlib.Path('picture.png').write_bytes(reply.read())
print('genuine webhook, saved picture.png')

request = submit({})
print('cancel:', call(request['cancel_url'], method='POST')['outcome'])
while True:  # a run may finish before the cancel reaches it: then it stays finished
    status = call(request['status_url'])['status']
    if status in ('completed', 'cancelled'):
        break
    time.sleep(0.2)
print('then:', status)
