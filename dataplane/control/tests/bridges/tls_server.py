"""An HTTP+SSE server behind TLS; prints its port."""
import http.server
import json
import queue
import ssl
import sys

messages = queue.Queue()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"event: endpoint\ndata: /messages\n\n")
        while True:
            message = messages.get()
            answer = {"jsonrpc": "2.0", "id": message.get("id"), "result": {}}
            self.wfile.write(b"data: " + json.dumps(answer).encode() + b"\n\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        messages.put(json.loads(body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
