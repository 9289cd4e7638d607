"""The endpoint as python-socketio sees it: over a WebSocket, by polls, and from one to the other."""

import asyncio
import unittest

import socketio
from support import Demo

WAYS = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}
PATIENCE_S = 20


class Client:
    """A client that writes down what it hears."""

    def __init__(self, url: str, transports: list[str], comes_back: bool) -> None:
        self.sio = socketio.AsyncClient(comes_back, reconnection_delay=0.05, reconnection_delay_max=0.2)
        self._url = url
        self._transports = transports
        self._heard: asyncio.Queue = asyncio.Queue()
        self.sio.on("*", self._hear)
        self.sio.on("disconnect", self._leave)
        self.sio.on("connect_error", self._fail)

    async def _hear(self, name: str, body: object = None) -> None:
        await self._heard.put((name, body))

    async def _leave(self, reason: str) -> None:
        await self._hear("(disconnect)", reason)

    async def _fail(self, data: object) -> None:
        await self._hear("(connect_error)", data)

    async def connect(self, auth: dict) -> None:
        await self.sio.connect(self._url, transports=self._transports, auth=auth)

    async def expect(self, name: str) -> dict:
        """The next thing that is heard, which must be this."""
        found, body = await asyncio.wait_for(self._heard.get(), PATIENCE_S)
        assert found == name, f"expected {name}, heard {found}: {body}"
        return body

    async def close(self) -> None:
        await self.sio.disconnect()


class Ways(unittest.IsolatedAsyncioTestCase):
    """Each test runs on each way."""

    async def asyncSetUp(self) -> None:
        self.demo = await asyncio.to_thread(Demo)
        self.addCleanup(self.demo.stop)
        self.anna = self.demo.users[0]

    def client(self, transports: list[str], comes_back: bool) -> Client:
        client = Client(self.demo.url, transports, comes_back)
        self.addAsyncCleanup(client.close)
        return client

    async def welcomed(self, transports: list[str], comes_back: bool = True) -> tuple[Client, dict]:
        who = await self.demo.sign_in(self.anna)
        client = self.client(transports, comes_back)
        await client.connect({"token": who["access_token"]})
        welcome = await client.expect("welcome")
        self.assertEqual(welcome["session_id"], who["session_id"])
        self.assertEqual(client.sio.transport(), transports[-1])
        return client, who

    async def test_hears_and_says(self) -> None:
        for way, transports in WAYS.items():
            with self.subTest(way):
                client, who = await self.welcomed(transports)
                notice = {"level": "info", "title": "Soon", "body": "Wir schließen."}
                path = f"/v1/users/{self.anna['id']}/notices"
                receipt = await self.demo.call("POST", path, notice)
                self.assertEqual(receipt["connections"], {"told": 1, "closed": 0})
                self.assertEqual((await client.expect("notice"))["body"], notice["body"])
                # An acknowledgement without arguments.
                self.assertIsNone(await client.sio.call("activity", timeout=PATIENCE_S) or None)
                body = {"refresh_token": who["refresh_token"]}
                newer = await self.demo.call("POST", "/v1/token/refresh", body, token="none")
                await client.sio.emit("token.refresh", {"token": newer["access_token"]})
                await client.expect("token.refreshed")
                await client.sio.emit("sing", {"song": "la"})
                self.assertEqual((await client.expect("error"))["code"], "validation_failed")
                await client.close()

    async def test_the_end_is_told_and_the_client_stays_out(self) -> None:
        for way, transports in WAYS.items():
            with self.subTest(way):
                client, who = await self.welcomed(transports)
                receipt = await self.demo.call("DELETE", f"/v1/sessions/{who['session_id']}")
                self.assertEqual(receipt["connections"], {"told": 1, "closed": 1})
                self.assertEqual((await client.expect("session.revoked"))["reason"], "revoked_by_admin")
                self.assertEqual((await client.expect("close"))["code"], 4501)
                await client.expect("(disconnect)")
                # It would have come back within a moment.
                await asyncio.sleep(1)
                self.assertFalse(client.sio.connected)
                self.assertEqual((await self.demo.call("GET", "/v1/presence"))["items"], [])

    async def test_a_flood_is_closed_and_its_client_comes_back(self) -> None:
        for way, transports in WAYS.items():
            with self.subTest(way):
                client, _ = await self.welcomed(transports)
                for number in range(200):
                    if not client.sio.connected:
                        break
                    await client.sio.emit("ack", {"id": number})
                self.assertEqual((await client.expect("close"))["code"], 4003)
                await client.expect("(disconnect)")
                await client.expect("welcome")
                await client.close()

    async def test_a_server_that_makes_way_says_when_to_come_back(self) -> None:
        clients = [(await self.welcomed(transports, comes_back=False))[0] for transports in WAYS.values()]
        stopping = asyncio.create_task(asyncio.to_thread(self.demo.stop))
        for client in clients:
            self.assertIn("after_ms", await client.expect("reconnect"))
            self.assertEqual((await client.expect("close"))["code"], 4000)
            await client.expect("(disconnect)")
        await stopping

    async def test_no_token_a_bad_one_a_ticket_and_an_ended_session(self) -> None:
        for way, transports in WAYS.items():
            with self.subTest(way):
                who = await self.demo.sign_in(self.anna)
                token = who["access_token"]
                ticket = (await self.demo.call("POST", "/v1/socket-tickets", {}, token=token))["ticket"]
                good = self.client(transports, True)
                await good.connect({"ticket": ticket})
                await good.expect("welcome")
                await good.close()
                await self.demo.call("DELETE", f"/v1/sessions/{who['session_id']}")
                for auth, code in [({}, 4500), ({"token": "x"}, 4500), ({"ticket": ticket}, 4500), ({"token": token}, 4501)]:
                    refused = self.client(transports, True)
                    with self.assertRaises(socketio.exceptions.ConnectionError):
                        await refused.connect(auth)
                    error = await refused.expect("(connect_error)")
                    self.assertEqual(error["data"]["code"], code)
