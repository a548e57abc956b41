"""The client of the Python SDK's first major version, which takes many an HTTP status for its session's end."""

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamable_http_client
from suite import BASE, goes_on_after_a_block, run, test


async def guarded(server: str) -> None:
    async def goes_on() -> None:
        async with (
            streamable_http_client(f"{BASE}/{server}") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            await goes_on_after_a_block(session, McpError)

    await test(f"python-1 {server} goes on after a request and an answer are blocked", goes_on)


run({
    "guarded": lambda: guarded("guarded"),
    "guarded-program": lambda: guarded("guarded-program"),
})
