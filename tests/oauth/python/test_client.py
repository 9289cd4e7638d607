"""PyPI Authlib, without special cases: metadata, introspection, revocation and all grants."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
import unittest

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from support import Demo


class Client(unittest.TestCase):
    """What a client does that knows nothing but the standards."""

    def setUp(self) -> None:
        self.demo = Demo()
        self.addCleanup(self.demo.stop)
        address = get_well_known_url(self.demo.url, external=True)
        self.metadata = AuthorizationServerMetadata(httpx.get(address).raise_for_status().json())

    def client(self, method: str, *scopes: str) -> OAuth2Client:
        """A client whose secret is an API key of these scopes."""
        made = asyncio.run(self.demo.call("POST", "/v1/api-keys", {"name": "client", "scopes": list(scopes)}))
        client = OAuth2Client(
            made["id"],
            made["key"],
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
        )
        self.addCleanup(client.close)
        return client

    def sign_in(self) -> dict:
        """Somebody's session."""
        return asyncio.run(self.demo.sign_in(self.demo.users[0]))

    def test_metadata(self) -> None:
        self.assertEqual(self.metadata["issuer"], self.demo.url)
        self.metadata.validate_grant_types_supported()
        self.metadata.validate_introspection_endpoint_auth_methods_supported()
        self.metadata.validate_revocation_endpoint_auth_methods_supported()
        self.metadata.validate_token_endpoint_auth_methods_supported()

    def test_introspection_and_revocation(self) -> None:
        for method in ("client_secret_basic", "client_secret_post"):
            with self.subTest(method):
                client = self.client(method, "verify", "sessions")
                session = self.sign_in()

                def asked(token: str) -> dict:
                    answer = client.introspect_token(self.metadata["introspection_endpoint"], token=token)
                    self.assertEqual(answer.status_code, 200, answer.text)
                    return answer.json()

                token = session["access_token"]
                self.assertEqual(asked(token)["sid"], session["session_id"])
                self.assertEqual(asked("nonsense"), {"active": False})
                for revoked in (token, "nonsense"):
                    answer = client.revoke_token(self.metadata["revocation_endpoint"], token=revoked)
                    self.assertEqual(answer.status_code, 200, answer.text)
                self.assertEqual(asked(token), {"active": False})

    def test_refresh(self) -> None:
        session = self.sign_in()
        client = OAuth2Client("app", token_endpoint_auth_method="none", token={**session, "token_type": "Bearer"})
        self.addCleanup(client.close)
        token = client.refresh_token(self.metadata["token_endpoint"])
        self.assertNotEqual(token["refresh_token"], session["refresh_token"])
        self.assertEqual(client.get(self.demo.url + "/v1/me").status_code, 200)
        with self.assertRaises(OAuthError) as refused:
            client.refresh_token(self.metadata["token_endpoint"], refresh_token="nonsense")
        self.assertEqual(refused.exception.error, "invalid_grant")

    def test_client_credentials(self) -> None:
        for method in ("client_secret_basic", "client_secret_post"):
            with self.subTest(method):
                client = self.client(method, "verify", "sessions")
                token = client.fetch_token(
                    self.metadata["token_endpoint"], grant_type="client_credentials", scope="sessions"
                )
                self.assertEqual(token["scope"], "sessions")
                self.assertEqual(client.get(self.demo.url + "/v1/users").status_code, 200)
                with self.assertRaises(OAuthError) as refused:
                    client.fetch_token(self.metadata["token_endpoint"], grant_type="client_credentials", scope="admin")
                self.assertEqual(refused.exception.error, "invalid_scope")

    def test_token_exchange(self) -> None:
        secret, issuer = "thirty-two bytes are the minimum", "https://issuer.example"
        os.environ["SHOP_SECRET"] = secret
        setting = (
            f"[{{ name = 'shop', issuer = '{issuer}', audiences = ['api'], secret_env = 'SHOP_SECRET',"
            " algorithms = ['HS256'], strangers = 'create' }]"
        )
        demo = Demo(ISSUERS=setting)
        self.addCleanup(demo.stop)

        def part(value: bytes) -> str:
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

        now = int(time.time())
        claims = {"iss": issuer, "sub": "4711", "aud": "api", "sid": "s1", "iat": now, "exp": now + 300, "auth_time": now}
        signed = f"{part(json.dumps({'alg': 'HS256'}).encode())}.{part(json.dumps(claims).encode())}"
        token = f"{signed}.{part(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"
        client = OAuth2Client("app", token_endpoint_auth_method="none")
        self.addCleanup(client.close)
        exchange = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        granted = client.fetch_token(demo.url + "/oauth/token", subject_token=token, **exchange)
        self.assertEqual(granted["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token")
        self.assertEqual(client.get(demo.url + "/v1/me").json()["username"], "shop:4711")
        with self.assertRaises(OAuthError) as refused:
            client.fetch_token(demo.url + "/oauth/token", subject_token="nonsense", **exchange)
        self.assertEqual(refused.exception.error, "invalid_request")


if __name__ == "__main__":
    unittest.main()
