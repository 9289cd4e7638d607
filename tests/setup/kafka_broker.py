"""A broker that speaks Kafka's protocol: the one inside librdkafka, on a port of its own, in memory.

kafka_broker.py FILE: writes its address into the file once it listens.
"""

import os
import sys
import time

from confluent_kafka import Producer

broker = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
(metadata,) = broker.list_topics(timeout=10).brokers.values()
written = sys.argv[1] + ".new"
with open(written, "w") as file:
    file.write(f"{metadata.host}:{metadata.port}")
os.rename(written, sys.argv[1])
while True:
    time.sleep(3600)
