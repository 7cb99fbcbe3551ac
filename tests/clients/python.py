"""The official Python SDK as an agent: python.py legacy|modern TS_URL PY_URL EVERYTHING_URL"""
import asyncio
import json
import random
import sys
import time
import warnings

warnings.simplefilter("ignore")
from mcp import Client, types as t

ERA, TS, PY, EVERYTHING = sys.argv[1:5]
LEGACY = ERA == "legacy"


async def elicited(context, params):
    return t.ElicitResult(action="accept", content={"username": 'é "q"', "email": "a@example.org", "name": "Zoë"})


async def sampled(context, params):
    text = params.messages[0].content.text
    return t.CreateMessageResult(role="assistant", model="m", content=t.TextContent(type="text", text=f"sampled:{text}"))


def connect(url, **more):
    mode = "legacy" if LEGACY else "2026-07-28"
    return Client(url, mode=mode, elicitation_callback=elicited, sampling_callback=sampled, read_timeout_seconds=60, **more)


def said(result):
    return result.content[0].text


def key():
    return f"python-{ERA}-{random.random()}"


async def report(client, own):
    return json.loads(said(await client.call_tool("work_report", {"key": own})))


async def until(what, check):
    for _ in range(200):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not happen: {what}")


async def lists_and_calls():
    for url in (TS, PY):
        async with connect(url) as client:
            tools = (await client.list_tools()).tools
            assert any(tool.name == "test_simple_text" for tool in tools)
            assert "simple text response" in said(await client.call_tool("test_simple_text", {}))
            assert (await client.list_resources()).resources and (await client.list_prompts()).prompts
            assert "static text" in (await client.read_resource("test://static-text")).contents[0].text


async def progress_arrives_live():
    times = []

    async def note(progress, total, message):
        times.append(time.monotonic())

    async with connect(TS) as client:
        await client.call_tool("work_slow", {"key": key(), "steps": 5, "every": 200}, progress_callback=note)
    assert len(times) == 5, times
    assert times[-1] - times[0] > 0.5, times


async def a_cancelled_call_stops():
    own = key()
    async with connect(TS) as client, connect(TS) as watcher:
        call = asyncio.create_task(client.call_tool("work_slow", {"key": own, "steps": 100, "every": 100}))
        await until("it runs", lambda: begun(watcher, own))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        if not LEGACY:
            await until("the server stops", lambda: aborted(watcher, own))
        assert (await report(watcher, own))["begun"] == 1


async def begun(client, own):
    return (await report(client, own))["begun"] == 1


async def aborted(client, own):
    return (await report(client, own))["aborted"] == 1


async def content_of_answers_arrives():
    async with connect(TS) as client:
        if LEGACY:
            assert json.dumps('é "q"', ensure_ascii=False) in said(await client.call_tool("test_elicitation", {"message": "Who?"}))
            assert "sampled:Wie" in said(await client.call_tool("test_sampling", {"prompt": "Wie"}))
        else:
            assert "Zoë" in said(await client.call_tool("test_input_required_result_elicitation", {}))
            assert "sampled:" in said(await client.call_tool("test_input_required_result_sampling", {}))
    async with connect(PY) as client:
        name = "test_sampling" if LEGACY else "test_input_required_result_request_state"
        text = said(await client.call_tool(name, {"prompt": "py"} if LEGACY else {}))
        assert ("sampled:py" if LEGACY else "state-ok") in text, text


async def answers_never_cross():
    async def agent(who):
        async with connect(TS) as client:
            async def one(which):
                text = f"{who}/{which}/{random.random()}"
                assert said(await client.call_tool("work_echo", {"text": text})) == text

            await asyncio.gather(*(one(which) for which in range(20)))

    await asyncio.gather(*(agent(who) for who in range(4)))


async def a_call_is_executed_once():
    own = key()
    async with connect(TS) as client:
        for number in range(1, 21):
            assert said(await client.call_tool("work_count", {"key": own})) == str(number)


async def large_bodies_pass():
    async with connect(TS) as client:
        text = 'ü"\\ ' * 130000
        assert said(await client.call_tool("work_echo", {"text": text})) == text
        size = 900_000 if LEGACY else 12 << 20
        assert len(said(await client.call_tool("work_big", {"size": size}))) == size


async def a_restart_keeps_the_session():
    async with connect(TS) as client:
        own = key()
        assert said(await client.call_tool("work_count", {"key": own})) == "1"
        print("RESTART", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        assert said(await client.call_tool("work_count", {"key": own})) == "2"


async def a_real_server_works():
    async with connect(EVERYTHING) as client:
        assert "5" in said(await client.call_tool("get-sum", {"a": 2, "b": 3}))
        times = []

        async def note(progress, total, message):
            times.append(time.monotonic())

        await client.call_tool("trigger-long-running-operation", {"duration": 2, "steps": 4}, progress_callback=note)
        assert times[-1] - times[0] > 0.8, times


async def judge(test):
    try:
        await asyncio.wait_for(test(), 90)
        print(f"PASS {test.__name__}", flush=True)
    except BaseException as error:  # a cancelled scope is a failure of the test, not of the run
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        why = f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
        print(f"FAIL {test.__name__}: {why}", flush=True)


async def main():
    tests = [lists_and_calls, progress_arrives_live, a_cancelled_call_stops, content_of_answers_arrives, answers_never_cross, a_call_is_executed_once, large_bodies_pass]
    if LEGACY:
        tests.append(a_real_server_works)
    for test in tests:
        await judge(test)
    await judge(a_restart_keeps_the_session)


asyncio.run(main())
