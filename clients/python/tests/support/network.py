"""A network that loses some things. It may not know the guard."""

import httpx


class WithoutFeed(httpx.AsyncHTTPTransport):
    """A network on which everything arrives but the feed."""

    is_mended = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/feed" and not self.is_mended:
            raise httpx.ConnectError("cut", request=request)
        return await super().handle_async_request(request)
