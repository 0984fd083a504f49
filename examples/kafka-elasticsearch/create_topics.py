"""Create the topics of topics.yaml that are not there yet; KAFKA_URL says where, localhost:9092 if it does not."""

import os
import pathlib

from bspump_like import BSPumpApplication
from bspump_like.kafka import KafkaConnection, KafkaTopicInitializer

app = BSPumpApplication(args=[])
servers = os.environ.get("KAFKA_URL", "localhost:9092")
app.pump_service.add_connection(KafkaConnection(app, "Kafka", {"bootstrap_servers": servers}))
topics = pathlib.Path(__file__).with_name("topics.yaml")
initializer = KafkaTopicInitializer(app, "Kafka", config={"topics_file": str(topics)})
created = app.Loop.run_until_complete(initializer.check_and_initialize())
print("created:", ", ".join(created) or "nothing, all are there")
