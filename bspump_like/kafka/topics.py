"""KafkaTopicInitializer: creates the topics a pump needs, before it runs."""

from __future__ import annotations

import asyncio
import logging
import pathlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from ..config import Configurable, Options, option
from ..errors import BSPumpError, ConfigError

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline
    from .connection import KafkaConnection

L = logging.getLogger(__name__)


class KafkaTopicInitializerOptions(Options):
    """Options of topics to be created."""

    client_id: str = option("bspump-topic-initializer", "name shown at the brokers")
    topics_file: str = option(
        "", "YAML or JSON file with the topics: a list of {name, num_partitions, replication_factor, config}"
    )
    num_partitions_default: int = option(1, "partitions of a topic that names no number", ge=1)
    replication_factor_default: int = option(1, "copies of a topic that names no number", ge=1)


class KafkaTopicInitializer(Configurable):
    """Creates topics that are not there yet.

    initializer = KafkaTopicInitializer(app, "KafkaConnection", config={"topics_file": "etc/topics.yaml"})
    initializer.include_topics(pipeline=pipeline)
    await initializer.check_and_initialize()
    """

    class Options(KafkaTopicInitializerOptions):
        """Which topics, and how they are made."""

    def __init__(
        self, app: BSPumpApplication, connection: str | KafkaConnection, id: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Read the configuration, and the topics file when there is one.

        Args:
            app: The application.
            connection: The KafkaConnection or its id.
            id: Name; the class name when empty.
            config: Options; wins over the section `[ID]` of the configuration file.
        """
        self.Id = id or type(self).__name__
        super().__init__(self.Id, config, where=self.Id)
        self._connection: Any = app.pump_service.locate_connection(connection)
        self.required_topics: dict[str, dict[str, Any]] = {}
        self.existing_topics: set[str] = set()
        if self.options.topics_file:
            self.include_topics_from_file(self.options.topics_file)

    def include_topics(
        self, *, topic_config: Iterable[Mapping[str, Any]] | Mapping[str, Any] | None = None, kafka_component: Any = None,
        pipeline: Pipeline | None = None, config_file: str | None = None,
    ) -> None:  # fmt: skip
        """Want topics: given as data, those of a KafkaSource or KafkaSink, of all in a pipeline, or of a file."""
        if topic_config is not None:
            for one in [topic_config] if isinstance(topic_config, Mapping) else topic_config:
                self._include(one)
        if kafka_component is not None:
            self.include_topics_from_config(kafka_component.Config)
        if pipeline is not None:
            for part in (*pipeline.Sources, *pipeline.iter_processors()):
                if type(part).__name__.startswith("Kafka") and part.Config.get("topic"):
                    self.include_topics_from_config(part.Config)
        if config_file is not None:
            self.include_topics_from_file(config_file)

    def include_topics_from_file(self, topics_file: str) -> None:
        """Want the topics of a YAML or JSON file.

        Raises:
            ConfigError: It cannot be read, or is no list of topics.
        """
        try:
            topics = yaml.safe_load(pathlib.Path(topics_file).read_text())
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"option 'topics_file' has '{topics_file}': {error}") from error
        if not isinstance(topics, list):
            raise ConfigError(f"{topics_file} holds no list of topics", hint="write - name: TOPIC")
        for one in topics:
            self._include(one)

    def include_topics_from_config(self, config_object: Mapping[str, Any]) -> None:
        """Want the topics of a configuration with `topic`, and `num_partitions`, `replication_factor` where it has them."""
        value = config_object["topic"]
        for name in value.replace(",", " ").split() if isinstance(value, str) else value:
            if not name.startswith("^") and name != "unconfigured":
                sizes = {
                    key: config_object[key] for key in ("num_partitions", "replication_factor") if key in config_object
                }
                self._include({"name": name.partition(":")[0], **sizes})

    def _include(self, topic: Mapping[str, Any]) -> None:
        if not isinstance(topic, Mapping) or "name" not in topic:
            raise ConfigError(f"a topic has no 'name': {topic!r}")
        self.required_topics[topic["name"]] = {
            "num_partitions": int(topic.get("num_partitions", self.options.num_partitions_default)),
            "replication_factor": int(topic.get("replication_factor", self.options.replication_factor_default)),
            "topic_configs": {
                key: str(value) for key, value in dict(topic.get("config", topic.get("topic_configs", {}))).items()
            },
        }

    async def fetch_existing_topics(self) -> set[str]:
        """Return the names of the topics there are."""
        async with _Admin(self) as admin:
            self.existing_topics = set(await admin.list_topics())
        return self.existing_topics

    async def check_and_initialize(self) -> list[str]:
        """Create what is wanted and not there; return the names of what was created."""
        await self.fetch_existing_topics()
        return await self.initialize_topics()

    async def initialize_topics(self) -> list[str]:
        """Create the wanted topics that `fetch_existing_topics` has not found; return their names.

        Raises:
            ConnectionLost: The cluster cannot be reached.
            BSPumpError: The cluster refuses a topic; says why.
        """
        from aiokafka.admin import NewTopic
        from aiokafka.errors import for_code

        missing = [name for name in self.required_topics if name not in self.existing_topics]
        if not missing:
            return []
        async with _Admin(self) as admin:
            answer = await admin.create_topics([NewTopic(name, **self.required_topics[name]) for name in missing])
        for name, code, *reason in answer.topic_errors:
            if code and for_code(code).__name__ != "TopicAlreadyExistsError":
                raise BSPumpError(f"Kafka does not create topic '{name}'", detail=str((reason or [code])[0]))
        L.info("created topics: %s", ", ".join(missing))
        return missing


class _Admin:
    def __init__(self, initializer: KafkaTopicInitializer) -> None:
        self._connection = initializer._connection
        self._client_id = initializer.options.client_id

    async def __aenter__(self) -> Any:
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        settings = self._connection.client_settings()
        self._admin = AIOKafkaAdminClient(**settings, client_id=self._client_id)
        try:
            async with asyncio.timeout(self._connection.options.connect_timeout):
                await self._admin.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._admin.close()
            raise await self._connection.why(error) from error
        return self._admin

    async def __aexit__(self, *failure: object) -> None:
        await self._admin.close()
