"""Produces with acks=all until a file appears, reads everything back, and tells what was acknowledged and not found."""

import json
import os
import sys

from kafka import KafkaConsumer, KafkaProducer

servers, topic, stop = sys.argv[1].split(","), sys.argv[2], sys.argv[3]
AT_ONCE = 20
LONGEST_OUTAGE_MS = 300_000

producer = KafkaProducer(
    bootstrap_servers=servers, acks="all", request_timeout_ms=15_000, delivery_timeout_ms=LONGEST_OUTAGE_MS
)
acknowledged = set()
number = 0
while not os.path.exists(stop):
    sent = [(each, producer.send(topic, str(each).encode())) for each in range(number, number + AT_ONCE)]
    number += AT_ONCE
    for each, future in sent:
        future.get(timeout=LONGEST_OUTAGE_MS / 1000)
        acknowledged.add(each)
producer.close()

consumer = KafkaConsumer(
    topic, bootstrap_servers=servers, auto_offset_reset="earliest", group_id=None, consumer_timeout_ms=30_000
)
found = set()
for record in consumer:
    found.add(int(record.value))
    if acknowledged <= found:
        break
print(json.dumps({"acknowledged": len(acknowledged), "lost": len(acknowledged - found)}))
