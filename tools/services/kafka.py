"""Apache Kafka without ZooKeeper (KRaft): one node, and a cluster of three for tests of faults."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from . import certificates, maven
from .errors import ServiceUnavailable, StartFailed
from .java import runtime
from .server import Server
from .versions import KAFKA

USER, PASSWORD = "bspump", "bspump-secret"
# Any 16 bytes in base64; the nodes of a cluster share it.
_CLUSTER_ID = "YnNwdW1wX2xpa2VfdGVzdA"
_JAVA = 17
_JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""


class Kafka(Server):
    """One process that is broker and controller.

    Clients use `url` (`127.0.0.1:port`, plain text); the record also has `sasl` and `ssl` (addresses), `user`,
    `password` (SASL/PLAIN without TLS) and `ca` (a file). Topics are not created by themselves; transactions work.

    Args:
        name: Directory below `root`.
        root: Where all servers live.
        node: Its number, from 1.
    """

    ports = ("plain", "controller", "sasl", "ssl")

    def __init__(self, name: str, root: Path, node: int = 1) -> None:
        """Begin as a cluster of one; `KafkaCluster` tells the nodes of each other."""
        super().__init__(name, KAFKA[0].version, root)
        self.node = node
        self.peers: list[Kafka] = [self]

    def install(self) -> None:
        """Fetch the jars, which all nodes share, and make certificates. Raises: ServiceUnavailable."""
        maven.fetch("kafka", KAFKA, self.root / "kafka")
        runtime(self.name, _JAVA, self.root)
        certificates.make(self.name, self.root / "certificates")

    def configure(self) -> list[str]:
        """Write `server.properties` and format an empty data directory. Raises: StartFailed."""
        self.log_config = self.directory / "log4j2.properties"
        self.log_config.write_text(_LOGGING)
        properties = self.directory / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in self._properties().items()))
        java = [runtime(self.name, _JAVA, self.root), *_JVM, f"-Dlog4j2.configurationFile={self.log_config}"]
        java += ["-cp", f"{self.root / 'kafka' / 'lib'}/*"]
        if not (self.data / "meta.properties").exists():
            command = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(properties)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise StartFailed(f"{self.name}: its storage cannot be formatted: {done.stdout}{done.stderr}")
        return [*java, "kafka.Kafka", str(properties)]

    def is_ready(self) -> bool:
        """Tell whether it has said so, which it does when the controller has let it in."""
        return "Kafka Server started" in self.log_since_start()

    def describe(self) -> dict[str, Any]:
        """Return the addresses of all listeners and what they ask for."""
        authority, _ = certificates.make(self.name, self.root / "certificates")
        address = {name: f"127.0.0.1:{port}" for name, port in self.record["ports"].items()}
        return {
            "url": address["plain"],
            "sasl": address["sasl"],
            "ssl": address["ssl"],
            "user": USER,
            "password": PASSWORD,
            "ca": str(authority),
        }

    def _properties(self) -> dict[str, Any]:
        ports = self.record["ports"]
        clients = ",".join(f"{kind.upper()}://127.0.0.1:{ports[kind]}" for kind in ("plain", "sasl", "ssl"))
        voters = ",".join(f"{peer.node}@127.0.0.1:{peer.record['ports']['controller']}" for peer in self.peers)
        _, certificate = certificates.make(self.name, self.root / "certificates")
        copies = len(self.peers)
        login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        return {
            "process.roles": "broker,controller",
            "node.id": self.node,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{clients},CONTROLLER://127.0.0.1:{ports['controller']}",
            "advertised.listeners": clients,
            "inter.broker.listener.name": "PLAIN",
            "listener.security.protocol.map": "PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl.plain.sasl.jaas.config": login,
            "listener.name.ssl.ssl.keystore.type": "PEM",
            "listener.name.ssl.ssl.keystore.location": certificate,
            "log.dirs": self.data,
            "num.partitions": 1,
            "default.replication.factor": copies,
            "min.insync.replicas": min(copies, 2),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 5,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": min(copies, 2),
            "transaction.state.log.num.partitions": 5,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": min(copies, 2),
            "group.initial.rebalance.delay.ms": 0,
            # A pump that was killed is out of its group soon, and what it had begun is aborted soon, if the pump says so.
            "group.min.session.timeout.ms": 500,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
            "auto.create.topics.enable": "false",
            # After a kill every log is read again: small indices, and not one log after the other.
            "log.index.size.max.bytes": 65536,
            "num.recovery.threads.per.data.dir": 4,
            # A killed broker of the cluster is noticed, and replaced as leader, in seconds.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            # One whose disk is slow is still given time to end in good order.
            "controlled.shutdown.enable": "true",
        }


class KafkaCluster(Server):
    """Three nodes, three copies of everything, two of which must be there for a write.

    It starts and stops them together; `nodes` are single `Kafka` servers to be killed, paused and started by tests.
    """

    ports = ()

    def __init__(self, name: str, root: Path, size: int = 3) -> None:
        """Make the nodes `NAME/1`, `NAME/2`, ..."""
        super().__init__(name, KAFKA[0].version, root)
        self.nodes = [Kafka(f"{name}/{number}", root, number) for number in range(1, size + 1)]
        for node in self.nodes:
            node.peers = self.nodes

    @property
    def alive(self) -> bool:
        """Tell whether every node lives."""
        return all(node.alive for node in self.nodes)

    @property
    def running(self) -> bool:
        """Tell whether every node has been ready and lives."""
        return all(node.running for node in self.nodes)

    @property
    def memory(self) -> int:
        """Return the resident memory of all nodes in bytes."""
        return sum(node.memory for node in self.nodes)

    def install(self) -> None:
        """Fetch what the nodes share. Raises: ServiceUnavailable."""
        self.nodes[0].install()

    def launch(self) -> None:
        """Start every node that does not run; ports first, since each node is told those of all."""
        down = [node for node in self.nodes if not node.running]
        if len(down) == len(self.nodes):
            for node in self.nodes:
                node.choose_ports()
        for node in down:
            node.launch()
        self._write(host="127.0.0.1", nodes=[node.name for node in self.nodes], version=self.version, pid=0)
        self._write(url=",".join(node.url for node in self.nodes), port=self.nodes[0].port)

    def wait_ready(self) -> None:
        """Return when all nodes are ready. Raises: StartFailed, after which none is left running."""
        try:
            for node in self.nodes:
                if not node.running:
                    node.wait_ready()
        except StartFailed:
            self.kill()
            raise

    def configure(self) -> list[str]:
        """Refuse: only nodes have a process."""
        raise ServiceUnavailable(self.name, "a process of its own", "a cluster is its nodes")

    def is_ready(self) -> bool:
        """Tell whether all nodes are."""
        return all(node.is_ready() for node in self.nodes)

    def stop(self) -> None:
        """Stop all: the first two in good order, then there is no majority left for the last to say good-bye to."""
        for node in self.nodes:
            node.resume()
        for node in self.nodes[:-1]:
            node.stop()
        self.nodes[-1].kill()

    def kill(self) -> None:
        """Kill all."""
        for node in self.nodes:
            node.kill()

    def pause(self) -> None:
        """Freeze all."""
        for node in self.nodes:
            node.pause()

    def resume(self) -> None:
        """Let all go on."""
        for node in self.nodes:
            node.resume()

    def discard(self) -> None:
        """Forget the data of all."""
        for node in self.nodes:
            node.discard()
