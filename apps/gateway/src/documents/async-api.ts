import {
  agentCommandsTopic,
  agentHeartbeatsTopic,
  agentInputTopic,
  agentLogsTopic,
  agentMetricsTopic,
  agentReportsTopic,
  checkpointsTopic,
  commandHeaders,
  commandTopic,
  domainNames,
  journalTopic,
  quarantineTopic,
  streamHeaders,
  topicLayout,
  type TopicSizes,
} from '@orrery/contracts';
import { definitions, messageSchemas, type MessageSchema, type Schema } from './message-schemas.js';

const string = { type: 'string' };

/** AsyncAPI 3: every topic of this installation, and every message with its schema. */
export function asyncApi(sizes: TopicSizes): object {
  const topics = topicLayout(sizes);
  return {
    asyncapi: '3.0.0',
    info: { title: 'Orrery', version: '0.1.0', description: 'Topics and messages of one installation' },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(
      topics.map((topic) => [
        topic.name,
        {
          address: topic.name,
          description: `written by: ${topic.writers}`,
          messages: Object.fromEntries(
            messagesOf(topic.name).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
          ),
          bindings: {
            kafka: {
              partitions: topic.partitions,
              topicConfiguration: { 'retention.ms': topic.retentionMs, 'max.message.bytes': topic.maxMessageBytes },
            },
          },
        },
      ]),
    ),
    operations: Object.fromEntries(
      domainNames.flatMap((domain) => [
        [`send-${domain}-command`, operation('send', commandTopic(domain))],
        [`receive-${domain}-journal`, operation('receive', journalTopic(domain))],
      ]),
    ),
    components: {
      messages: {
        ...Object.fromEntries(
          messageSchemas.filter(({ kind }) => kind !== 'event').map((message) => [message.name, messageOf(message)]),
        ),
        ...bytes,
      },
      schemas: Object.fromEntries([
        ...Object.entries(definitions).map(([name, schema]) => [name, inComponents(schema)]),
        ...messageSchemas
          .filter(({ kind }) => kind === 'event')
          .map(({ name, schema }) => [name, inComponents(schema)] as const),
      ]),
    },
  };
}

function operation(action: 'send' | 'receive', topic: string): object {
  return { action, channel: { $ref: `#/channels/${topic}` } };
}

function messagesOf(topic: string): string[] {
  const named = (wanted: (message: MessageSchema) => boolean) => messageSchemas.filter(wanted).map(({ name }) => name);
  const domain = domainNames.find((name) => commandTopic(name) === topic || journalTopic(name) === topic);
  if (domain !== undefined && topic === commandTopic(domain)) {
    return named((message) => message.kind === 'command' && message.domain === domain);
  }
  if (domain !== undefined) {
    return named((message) => message.kind === 'record' && (message.domain ?? domain) === domain);
  }
  switch (topic) {
    case agentCommandsTopic:
      return named(({ kind }) => kind === 'order');
    case agentReportsTopic:
      return named(({ kind }) => kind === 'report');
    case agentHeartbeatsTopic:
      return ['agents.Heartbeat', 'agents.HeartbeatMarker'];
    case agentMetricsTopic:
      return ['agents.Metrics'];
    case agentLogsTopic:
    case agentInputTopic:
      return ['agents.StreamChunk'];
    case quarantineTopic:
      return ['audit.Quarantined'];
    case checkpointsTopic:
      return ['audit.Checkpoint'];
    default:
      return [];
  }
}

function messageOf({ name, title, kind, domain, schema }: MessageSchema): object {
  return {
    name: title,
    title: name,
    ...(kind === 'command' ? { headers: headersOf(title) } : {}),
    payload: domain !== undefined && kind === 'record' ? commitOf(domain) : inComponents(schema),
    externalDocs: { description: 'the schema by itself', url: `/schemas/${name}.json` },
  };
}

/** Its events by reference: each stands among the schemas already. */
function commitOf(domain: string): object {
  const events = messageSchemas.filter((message) => message.kind === 'event' && (message.domain ?? domain) === domain);
  const anyOf = events.map(({ name }) => ({ $ref: `#/components/schemas/${name}` }));
  return {
    allOf: [{ $ref: '#/components/schemas/CommitRecord' }],
    properties: { events: { type: 'array', items: { anyOf } } },
  };
}

function inComponents(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/definitions/', '"#/components/schemas/')) as Schema;
}

/** Messages that are no JSON. */
const bytes = {
  'agents.StreamChunk': {
    name: 'StreamChunk',
    title: 'A piece of a stream, keyed by stream; its end and its errors stand in the headers',
    contentType: 'application/octet-stream',
    headers: {
      type: 'object',
      required: [streamHeaders.stream],
      properties: Object.fromEntries(Object.values(streamHeaders).map((header) => [header, string])),
    },
  },
  'audit.Quarantined': {
    name: 'Quarantined',
    title: 'The bytes of a message that is none of ours, keyed topic-partition-offset',
    contentType: 'application/octet-stream',
  },
};

function headersOf(type: string): object {
  const {
    specversion,
    id,
    type: typeHeader,
    source,
    time,
    reason,
    ifVersion,
    notAfter,
    authorization,
  } = commandHeaders;
  return {
    type: 'object',
    required: [specversion, id, typeHeader, source, time],
    properties: {
      [specversion]: { const: '1.0' },
      [id]: { ...string, description: 'the idempotency key' },
      [typeHeader]: { const: type },
      [source]: { ...string, description: 'who' },
      [time]: { ...string, format: 'date-time' },
      [reason]: { ...string, description: 'why; kept for ever' },
      [ifVersion]: { ...string, description: 'the version that was seen' },
      [notAfter]: { ...string, description: 'refused after this time' },
      [authorization]: { ...string, description: 'bearer token' },
    },
  };
}
