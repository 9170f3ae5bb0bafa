#!/usr/bin/env python3
"""A scheduler of one's own on Orrery: runs a command N times, M at once, on places that it asks for by itself.

It speaks Kafka and nothing else (pip install kafka-python): commands go to the command topics as CloudEvents, what came of
them is read from the journals. Same role, same quota, same fair share as everybody.

    batch-scheduler.py --kafka 127.0.0.1:9092 --name batch --runs 20 --at-once 4 -- sh -c 'echo run $ORRERY_POD_INDEX'
"""
import argparse, json, shlex, sys, time, uuid
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--kafka", required=True)
parser.add_argument("--name", default="batch")
parser.add_argument("--role", default="*")
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--at-once", type=int, default=4)
parser.add_argument("--cpus", type=float, default=0.1)
parser.add_argument("--memory", type=int, default=32)
parser.add_argument("--timeout", type=float, default=120)
parser.add_argument("command", nargs="+")
options = parser.parse_args()

SERVICE = "@" + options.name  # the name under which the tasks of a scheduler stand
CELL = 0
JOURNALS = [TopicPartition(f"orrery.{domain}.journal", CELL) for domain in ("allocation", "cluster")]
producer = KafkaProducer(bootstrap_servers=options.kafka, acks="all")
consumer = KafkaConsumer(bootstrap_servers=options.kafka, enable_auto_commit=False)
consumer.assign(JOURNALS)
consumer.seek_to_end()
for journal in JOURNALS:
    consumer.position(journal)  # from here on, before anything is asked


def order(domain, kind, **body):
    """Publishes a command; its outcome is an event that carries the id."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    headers = dict(ce_specversion="1.0", ce_id=str(uuid.uuid4()), ce_type=f"orrery.{domain}.{kind}.v1",
                   ce_source=f"batch-scheduler/{options.name}", ce_time=now)
    producer.send(f"orrery.{domain}.commands", partition=CELL, key=options.name.encode(),
                  value=json.dumps(dict(scheduler=options.name, **body)).encode(),
                  headers=[(name, value.encode()) for name, value in headers.items()])
    producer.flush()


def ids(runs):
    """Ids of an event, in order: [[812, 0, 2, 5, 5]] are 812.0, 812.1, 812.2 and 812.5."""
    for seq, *pairs in runs:
        for first, last in zip(pairs[::2], pairs[1::2]):
            yield from (f"{seq}.{ordinal}" for ordinal in range(first, last + 1))


def events():
    deadline = time.monotonic() + options.timeout
    while time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                yield from json.loads(record.value).get("events", [])
    sys.exit(f"not done after {options.timeout:.0f} s")


task = dict(cmd=shlex.join(options.command))
task.update(goal="FINISH", cpus=options.cpus, memory=options.memory)
order("allocation", "RequestPlacement", role=options.role, pod="run", count=min(options.at_once, options.runs),
      needs=dict(cpus=options.cpus, memory=options.memory))

left, running, done, failed, held = options.runs, {}, 0, 0, set()
for event in events():
    kind, data = event["type"], event["data"]
    mine = data.get("service") == SERVICE
    if kind == "CommandRefused" and data.get("subject") == options.name:
        sys.exit(f"refused: {data['code']}: {data['message']}")
    if kind == "PlacementPending" and mine:
        print("waiting:", data["reasons"]["remedy"], file=sys.stderr)
    elif kind == "GrantsOpened" and mine:
        held |= set(ids(data["grants"]))
        first = list(ids(data["grants"]))[:left]
        left -= len(first)
        if first:
            order("cluster", "Launch", name="work", task=task, grants=first)
    elif kind == "LaunchAccepted" and mine:
        running.update(zip(ids(data["launches"]), ids(data["grants"])))
    elif kind == "TasksEnded":
        ended = [(launch, end) for end in data["ends"] for launch in ids(end["launches"]) if launch in running]
        free = [running.pop(launch) for launch, _ in ended]
        done += len(ended)
        failed += sum(end["state"] != "FINISHED" for _, end in ended)
        again, free = free[:left], free[left:]
        left -= len(again)
        if again:
            order("cluster", "Launch", name="work", task=task, grants=again)
        if done == options.runs:
            order("allocation", "ReturnGrant", grants=sorted(held))
    elif kind == "GrantReleased":
        held -= set(ids(data["grants"]))
        if done == options.runs and not held:
            break
print(json.dumps(dict(runs=done, failed=failed)))
sys.exit(1 if failed else 0)
