"""The client of the Python SDK's first major version, which takes many an HTTP status for its session's end.

Usage: python-1.py BASE [SERVER...], as the scripts beside it.
"""

import sys

import anyio
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client

LIMIT_SECONDS = 15
# `own.toml` of the suite has rules for these; a server behind `guarded` is blocked what has one of them.
IN_REQUEST = "SUITE-0123456789"
IN_ANSWER = {"a": 4000, "b": 111}
REQUEST_BLOCKED, ANSWER_BLOCKED = -31017, -31018

if len(sys.argv) < 2:
    sys.exit("usage: python-1.py BASE [SERVER...]")
BASE, ONLY = sys.argv[1], sys.argv[2:]
failed = 0


async def goes_on_after_a_block(server: str) -> None:
    async with (
        streamable_http_client(f"{BASE}/{server}") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        for tool, arguments, code in (
            ("echo", {"message": IN_REQUEST}, REQUEST_BLOCKED),
            ("get-sum", IN_ANSWER, ANSWER_BLOCKED),
        ):
            try:
                result = await session.call_tool(tool, arguments)
            except McpError as error:
                assert error.error.code == code, error.error
            else:
                raise AssertionError(f"{tool} was not blocked: {result}")
            result = await session.call_tool("echo", {"message": f"after {code}"})
            assert result.content[0].text == f"Echo: after {code}", result


async def main() -> None:
    global failed
    for server in ("guarded", "guarded-program"):
        if ONLY and server not in ONLY:
            continue
        name = f"python-1 {server} goes on after a request and an answer are blocked"
        try:
            with anyio.fail_after(LIMIT_SECONDS):
                await goes_on_after_a_block(server)
            print(f"ok {name}", flush=True)
        except Exception as error:
            failed += 1
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            why = f"{type(error).__name__}: {error}".replace("\n", " ")
            print(f"not ok {name}: {why}", flush=True)


anyio.run(main)
sys.exit(1 if failed else 0)
