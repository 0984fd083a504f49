"""SchemaRegistryConnection: where schemas of messages are kept, by Confluent's REST interface."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

from ..abc import Backoff, Connection, ConnectionOptions, ProcessorBase
from ..abc.tls import TLSOptions, ssl_context
from ..config import Seconds, option
from ..errors import ConnectionLost, ProcessingError, needs

if TYPE_CHECKING:
    from ..application import BSPumpApplication

L = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class SchemaRegistryOptions(ConnectionOptions, TLSOptions):
    """Options of a schema registry."""

    url: str = option("http://localhost:8081", "URL of the registry", aliases=("schema.registry.url",))
    username: str = option("", "user, for basic authentication")
    password: str = option("", "password", secret=True)
    timeout: Seconds = option(10.0, "seconds to wait for an answer", gt=0)
    compiled_protobuf: bool = option(
        False, "ask for Protobuf schemas as Confluent's registry compiles them, in place of compiling their text here"
    )


class Schema(NamedTuple):
    """A schema as the registry tells it; `references` are (name, schema) of those it needs, in order.

    The text of a Protobuf schema is its source, or the compiled file in base64.
    """

    kind: str
    text: str
    references: tuple[tuple[str, Schema], ...] = ()


class SchemaRegistryConnection(Connection):
    """A schema registry that decoders and encoders share; what it has said once is kept, since ids never change."""

    class Options(SchemaRegistryOptions):
        """URL and credentials."""

    def __init__(self, app: BSPumpApplication, id: str | None = None, config: Mapping[str, Any] | None = None) -> None:
        """See `Connection`.

        Raises:
            MissingDependency: aiohttp is not installed.
        """
        super().__init__(app, id, config)
        with needs("schema"):
            import aiohttp
        self._aiohttp = aiohttp
        self._session: Any = None

    async def on_stop(self) -> None:
        """Close the sockets."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def by_id(self, id: int) -> Schema:
        """Return a schema.

        Raises:
            ProcessingError: There is none with this id.
            ConnectionLost: The registry does not answer.
        """
        return await self._whole(await self._get(f"/schemas/ids/{id}"), f"/schemas/ids/{id}")

    async def latest(self, subject: str) -> tuple[int, Schema]:
        """Return id and schema of the last version of a subject; raises as `by_id` does."""
        path = f"/subjects/{quote(subject, safe='')}/versions/latest"
        answer = await self._get(path)
        return int(answer["id"]), await self._whole(answer, f"/schemas/ids/{answer['id']}")

    async def register(self, subject: str, schema: Schema) -> int:
        """Add a schema to a subject, unless it is there; return its id. Raises as `by_id` does, with the registry's reason."""
        body = {"schema": schema.text} | ({} if schema.kind == "AVRO" else {"schemaType": schema.kind})
        answer = await self._request("POST", f"/subjects/{quote(subject, safe='')}/versions", body)
        return int(answer["id"])

    async def _whole(self, answer: Mapping[str, Any], path: str) -> Schema:
        kind = answer.get("schemaType", "AVRO")
        if kind == "PROTOBUF" and self.options.compiled_protobuf:  # so that no compiler is needed here
            answer = {**answer, **await self._get(f"{path}?format=serialized")}
        references = []
        for one in answer.get("references") or ():
            version = f"/subjects/{quote(one['subject'], safe='')}/versions/{one['version']}"
            found = await self._get(version)
            references.append((one["name"], await self._whole(found, f"/schemas/ids/{found['id']}")))
        return Schema(kind, answer["schema"], tuple(references))

    async def _get(self, path: str) -> Mapping[str, Any]:
        return await self._request("GET", path)

    async def _request(self, method: str, path: str, body: Any = None) -> Mapping[str, Any]:
        options, aiohttp = self.options, self._aiohttp
        if self._session is None:
            auth = aiohttp.BasicAuth(options.username, options.password) if options.username else None
            self._session = aiohttp.ClientSession(auth=auth, timeout=aiohttp.ClientTimeout(total=options.timeout))
        url = options.url.rstrip("/") + path
        try:
            tls = ssl_context(options) or True
            async with self._session.request(method, url, json=body, ssl=tls) as response:
                if response.status >= 500 or response.status in (401, 403, 429):
                    raise ConnectionLost(f"the schema registry at {options.url} answers {response.status}")
                answer: Mapping[str, Any] = await response.json(content_type=None)
                if response.status >= 400:
                    reason = str(answer.get("message", response.status))
                    raise ProcessingError(f"the schema registry refuses {path}", detail=reason)
                return answer
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            detail = str(error) or "no answer in time"
            raise ConnectionLost(f"cannot ask the schema registry at {options.url}", detail=detail) from error

    async def patiently(self, part: ProcessorBase, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask until there is an answer; people are told once why there is none. Raises: ProcessingError."""
        backoff = Backoff(self.options.reconnect_delay, self.options.reconnect_delay_max)
        while True:
            try:
                answer = await ask()
            except ConnectionLost as error:
                if part.Pipeline.report_unavailable(part, error):
                    L.warning("%s: %s; trying again, events wait", part.locate_address(), error)
                await asyncio.sleep(backoff.next())
                continue
            part.Pipeline.report_available(part)
            return answer
