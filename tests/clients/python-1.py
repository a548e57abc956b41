"""The client of the Python SDK's first major version, which takes many an HTTP status for its session's end."""

from collections.abc import Awaitable, Callable

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from suite import (
    BASE,
    a_server_does_not_wait,
    goes_on_after_a_block,
    never_sampled,
    run,
    test,
)


async def guarded(server: str) -> None:
    async def with_session(use: Callable[[ClientSession], Awaitable[None]]) -> None:
        async with (
            streamable_http_client(f"{BASE}/{server}") as (read, write, _),
            ClientSession(read, write, sampling_callback=never_sampled) as session,
        ):
            await session.initialize()
            await use(session)

    async def goes_on() -> None:
        await with_session(lambda session: goes_on_after_a_block(session, McpError))

    async def asked() -> None:
        await with_session(a_server_does_not_wait)

    await test(f"python-1 {server} goes on after a request and an answer are blocked", goes_on)
    await test(f"python-1 {server} answers what is blocked of the server's own requests", asked)


run({
    "guarded": lambda: guarded("guarded"),
    "guarded-program": lambda: guarded("guarded-program"),
})
