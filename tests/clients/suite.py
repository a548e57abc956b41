"""What the clients in Python share: arguments, a line a test, and servers of which something is blocked.

Usage of each: NAME.py BASE [SERVER...], as the scripts beside it.
"""

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import anyio

LIMIT_SECONDS = 15
# `own.toml` of the suite has rules for these; a server behind `guarded` is blocked what has one of them.
IN_REQUEST = "SUITE-0123456789"
IN_ANSWER = {"a": 4000, "b": 111}
REQUEST_BLOCKED, ANSWER_BLOCKED = -31017, -31018

if len(sys.argv) < 2:
    sys.exit(f"usage: {sys.argv[0]} BASE [SERVER...]")
BASE, ONLY = sys.argv[1], sys.argv[2:]
failed = 0


async def test(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Runs one test and prints how it went; a failed test does not end the script."""
    global failed
    try:
        with anyio.fail_after(LIMIT_SECONDS):
            await run()
        print(f"ok {name}", flush=True)
    except Exception as error:
        failed += 1
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        why = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(f"not ok {name}: {why}", flush=True)


def run(servers: dict[str, Callable[[], Awaitable[None]]]) -> None:
    """Tests the servers that were asked for, and ends the script."""

    async def main() -> None:
        for name, test_server in servers.items():
            if not ONLY or name in ONLY:
                await test_server()

    anyio.run(main)
    sys.exit(1 if failed else 0)


def text_of(result) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


async def guarded(name: str, connect: Callable[..., AbstractAsyncContextManager], blocked: type[Exception]) -> None:
    """What a client called `name` meets at a server of which something is blocked; `blocked` is what it raises then.

    `connect` gives a client, and takes what answers a server that asks for a sample.
    """

    async def goes_on() -> None:
        async with connect() as client:
            await goes_on_after_a_block(client, blocked)

    async def asked() -> None:
        async with connect(never_sampled) as client:
            await a_server_does_not_wait(client)

    await test(f"{name} goes on after a request and an answer are blocked", goes_on)
    await test(f"{name} answers what is blocked of the server's own requests", asked)


async def goes_on_after_a_block(client, blocked: type[Exception]) -> None:
    """A blocked request and a blocked answer are errors, and the session goes on after each."""
    for tool, arguments, code in (
        ("echo", {"message": IN_REQUEST}, REQUEST_BLOCKED),
        ("get-sum", IN_ANSWER, ANSWER_BLOCKED),
    ):
        try:
            result = await client.call_tool(tool, arguments)
        except blocked as error:
            assert error.error.code == code, error
        else:
            raise AssertionError(f"{tool} was not blocked: {result}")
        result = await client.call_tool("echo", {"message": f"after {code}"})
        assert text_of(result) == f"Echo: after {code}", text_of(result)


async def never_sampled(*_):
    """What a client gives a server that may ask it for a sample: here no such request gets through."""
    raise AssertionError("a blocked request of the server's was not kept from the client")


async def a_server_does_not_wait(client) -> None:
    """The server, whose request is blocked, gets an error for it from the client, and ends the call by that."""
    result = await client.call_tool("trigger-sampling-request", {"prompt": "hello"})
    assert "MCP error -3260" in text_of(result), text_of(result)
