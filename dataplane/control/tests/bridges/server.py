"""A stdio server that does what the test asks for: the method's name says what."""
import json
import os
import subprocess
import sys
import threading
import time

MODERN = "modern" in sys.argv
if "die" in sys.argv:
    sys.exit(3)


def send(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def answer(request, result):
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def call(request):
    params = request.get("params", {})
    name, arguments = params.get("name"), params.get("arguments", {})
    meta = params.get("_meta", {})
    if name == "echo":
        answer(request, {"echo": arguments, "id": request["id"], "pid": os.getpid()})
    elif name == "later":
        time.sleep(arguments["seconds"])
        answer(request, {"echo": arguments})
    elif name == "progress":
        for step in range(arguments["steps"]):
            send({"jsonrpc": "2.0", "method": "notifications/progress",
                  "params": {"progressToken": meta["progressToken"], "progress": step}})
        answer(request, {"done": True})
    elif name == "crash":
        os._exit(7)
    elif name == "signal":
        os.kill(os.getpid(), 11)
    elif name == "long":
        sys.stdout.write('{"x":"' + "y" * arguments["bytes"] + '"}\n')
        sys.stdout.flush()
    elif name == "garbage":
        sys.stdout.write("Server listening on \x1b[1mstdio\x1b[0m\n\n{broken\n")
        sys.stdout.flush()
        answer(request, {"after": "garbage"})
    elif name == "stderr":
        for line in range(arguments["lines"]):
            sys.stderr.write("line %d %s\n" % (line, "z" * 100))
        sys.stderr.flush()
        answer(request, {"wrote": arguments["lines"]})
    elif name == "environment":
        answer(request, dict(os.environ))
    elif name == "child":
        child = subprocess.Popen(
            ["sh", "-c", "trap '' TERM HUP; while :; do sleep 1; done"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answer(request, {"pid": os.getpid(), "child": child.pid})
    elif name == "ask":
        send({"jsonrpc": "2.0", "id": "ask-1", "method": "elicitation/create", "params": {}})
        waiting["ask-1"] = request
    elif name == "notify":
        send({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": "hello"}})
        answer(request, {})
    elif name == "never":
        cancellable[request["id"]] = request
    elif name == "cancelled":
        answer(request, {"cancelled": cancelled})
    else:
        send({"jsonrpc": "2.0", "id": request["id"],
              "error": {"code": -32602, "message": "Unknown tool"}})


waiting, cancellable, cancelled, initialized = {}, {}, [], 0
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method is None:
        asker = waiting.pop(message["id"], None)
        if asker:
            answer(asker, {"answered": message.get("result", message.get("error"))})
    elif method == "initialize":
        if "refuse" in sys.argv:
            send({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "no"}})
            continue
        initialized += 1
        answer(message, {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                         "serverInfo": {"name": "test", "version": str(initialized)}})
    elif method == "server/discover":
        if MODERN:
            answer(message, {"resultType": "complete", "supportedVersions": ["2026-07-28"],
                             "capabilities": {}})
        elif "touchy" in sys.argv:
            os._exit(9)
        else:
            send({"jsonrpc": "2.0", "id": message["id"],
                  "error": {"code": -32601, "message": "Method not found"}})
    elif method == "notifications/cancelled":
        cancelled.append(message["params"]["requestId"])
    elif method == "subscriptions/listen":
        meta = {"io.modelcontextprotocol/subscriptionId": message["id"]}
        send({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
              "params": {"_meta": meta, "notifications": {}}})
        send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed",
              "params": {"_meta": meta}})
    elif method == "tools/call":
        if message["params"].get("name") == "later":
            threading.Thread(target=call, args=(message,), daemon=True).start()
        else:
            call(message)
    elif "id" in message:
        send({"jsonrpc": "2.0", "id": message["id"],
              "error": {"code": -32601, "message": "Method not found"}})
if "stubborn" in sys.argv:
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)
