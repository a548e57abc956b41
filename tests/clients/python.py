"""The client of the Python SDK, in both eras."""

import anyio
from mcp import Client, MCPError
from suite import BASE, guarded, run, test, text_of

# What the SDK's `mode` calls the newest revision of each era.
LEGACY, MODERN = "legacy", "2026-07-28"


async def everything(server: str) -> None:
    name = f"python {server}"

    async def lists_and_calls() -> None:
        async with Client(f"{BASE}/{server}") as client:
            assert client.protocol_version == "2025-11-25", client.protocol_version
            tools = [tool.name for tool in (await client.list_tools()).tools]
            assert "echo" in tools, tools
            assert (await client.list_prompts()).prompts, "no prompts"
            resources = (await client.list_resources()).resources
            assert resources, "no resources"
            assert (await client.read_resource(resources[0].uri)).contents, "an empty resource"
            result = await client.call_tool("get-sum", {"a": 19, "b": 23})
            assert "42" in text_of(result), text_of(result)

    async def progress() -> None:
        seen: list[float] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)

        async with Client(f"{BASE}/{server}", mode=LEGACY) as client:
            await client.call_tool(
                "trigger-long-running-operation",
                {"duration": 0.3, "steps": 3},
                progress_callback=note,
            )
        assert seen == [1, 2, 3], seen

    async def concurrent() -> None:
        async with Client(f"{BASE}/{server}", mode=LEGACY) as client:

            async def one(i: int) -> None:
                result = await client.call_tool("echo", {"message": f"call {i}"})
                assert text_of(result) == f"Echo: call {i}", text_of(result)

            async with anyio.create_task_group() as group:
                for i in range(16):
                    group.start_soon(one, i)

    async def cancels() -> None:
        async with Client(f"{BASE}/{server}", mode=LEGACY) as client:
            with anyio.move_on_after(0.3) as scope:
                await client.call_tool(
                    "trigger-long-running-operation", {"duration": 8, "steps": 8}
                )
            assert scope.cancelled_caught, "the call was over before it was cancelled"
            result = await client.call_tool("echo", {"message": "after"})
            assert text_of(result) == "Echo: after", text_of(result)

    await test(f"{name} finds a legacy server, lists and calls", lists_and_calls)
    await test(f"{name} streams progress", progress)
    await test(f"{name} keeps concurrent calls apart", concurrent)
    await test(f"{name} cancels a call and goes on", cancels)


async def time() -> None:
    for mode in (LEGACY, "auto"):

        async def asks(mode: str = mode) -> None:
            async with Client(f"{BASE}/time", mode=mode) as client:
                result = await client.call_tool("get_current_time", {"timezone": "UTC"})
                assert "UTC" in text_of(result), text_of(result)

        await test(f"python time asks a bridged server, mode {mode}", asks)


async def fixture() -> None:
    async def modern() -> None:
        async with Client(f"{BASE}/fixture") as client:
            assert client.protocol_version == MODERN, client.protocol_version
            assert (await client.list_tools()).tools, "no tools"
            result = await client.call_tool("test_simple_text", {})
            assert "simple text response" in text_of(result), text_of(result)
            read = await client.read_resource("test://static-text")
            assert read.contents, "an empty resource"

    async def progress() -> None:
        seen: list[float] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            seen.append(progress)

        async with Client(f"{BASE}/fixture", mode=MODERN) as client:
            await client.call_tool("test_tool_with_progress", {}, progress_callback=note)
        assert seen == [0, 50, 100], seen

    async def legacy() -> None:
        async with Client(f"{BASE}/fixture", mode=LEGACY) as client:
            assert client.protocol_version == "2025-11-25", client.protocol_version
            result = await client.call_tool("test_simple_text", {})
            assert "simple text response" in text_of(result), text_of(result)

    await test("python fixture discovers the modern era, lists, calls and reads", modern)
    await test("python fixture streams progress in the modern era", progress)
    await test("python fixture still runs a legacy session", legacy)


async def blocked_at(server: str) -> None:
    def connect(sampled=None) -> Client:
        # Only a legacy server asks by itself.
        mode = LEGACY if sampled else "auto"
        return Client(f"{BASE}/{server}", mode=mode, sampling_callback=sampled)

    await guarded(f"python {server}", connect, MCPError)


run({
    "web": lambda: everything("web"),
    "everything": lambda: everything("everything"),
    "time": time,
    "fixture": fixture,
    "guarded": lambda: blocked_at("guarded"),
    "guarded-program": lambda: blocked_at("guarded-program"),
})
