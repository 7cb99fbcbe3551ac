"""The official Python SDK with its own OAuth code: python.py legacy|REVISION ENDPOINT OPERATOR, prints {"client": ID}"""
import asyncio
import json
import random
import sys
import urllib.parse
import warnings

warnings.simplefilter("ignore")
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

MODE, ENDPOINT, OPERATOR = sys.argv[1:4]


class Storage:
    """Where the application keeps what the SDK gives it."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """The person's: opens the authorization URL, and knows where it was sent back to."""

    visits = 0

    async def open(self, url):
        async with httpx2.AsyncClient(timeout=30) as person:
            answer = await person.post(f"{OPERATOR}/person", params={"url": url})
            answer.raise_for_status()
        self.back = urllib.parse.urlparse(answer.json()["location"]).query
        self.visits += 1

    async def result(self):
        query = dict(urllib.parse.parse_qsl(self.back))
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


def said(result):
    assert not result.is_error, result
    return result.content[0].text


async def main():
    storage, browser = Storage(), Browser()
    metadata = OAuthClientMetadata(
        client_name="tester",
        redirect_uris=["http://127.0.0.1:1/callback"],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code"],
    )
    oauth = OAuthClientProvider(ENDPOINT, metadata, storage, browser.open, browser.result)
    async with httpx2.AsyncClient(auth=oauth, timeout=60) as http:
        async with Client(streamable_http_client(ENDPOINT, http_client=http), mode=MODE) as client:
            assert said(await client.call_tool("work_echo", {"text": "read"})) == "read"
            assert browser.visits == 1, browser.visits
            key = f"python-{random.random()}"
            assert said(await client.call_tool("work_count", {"key": key})) == "1"
            assert browser.visits == 2, browser.visits
            assert said(await client.call_tool("work_echo", {"text": "again"})) == "again"
            assert browser.visits == 2, browser.visits
    print(json.dumps({"client": storage.client.client_id}))


asyncio.run(main())
