import {
  commandHeaders,
  commandSchemas,
  commandTopic,
  commandTypeName,
  domainNames,
  topicLayout,
  type TopicSizes,
} from '@orrery/contracts';

/** AsyncAPI 3: every topic of this installation, every command with its schema. */
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
          messages: messagesOf(topic.name),
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
      domainNames.map((domain) => [
        `send-${domain}-command`,
        { action: 'send', channel: { $ref: `#/channels/${commandTopic(domain)}` } },
      ]),
    ),
    components: { messages: Object.assign({}, ...domainNames.map(commandMessages)) as object },
  };
}

function messagesOf(topic: string): object {
  const domain = domainNames.find((name) => commandTopic(name) === topic);
  if (domain === undefined) return {};
  return Object.fromEntries(
    Object.keys(commandSchemas[domain]).map((name) => [name, { $ref: `#/components/messages/${domain}.${name}` }]),
  );
}

function commandMessages(domain: (typeof domainNames)[number]): Record<string, object> {
  return Object.fromEntries(
    Object.entries(commandSchemas[domain]).map(([name, payload]) => [
      `${domain}.${name}`,
      { name: commandTypeName(domain, name), title: name, headers: headersOf(commandTypeName(domain, name)), payload },
    ]),
  );
}

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
  const string = { type: 'string' };
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
