export interface Table {
  readonly name: string;
  /** Written by the historian from the journals: may be dropped at any time, and is written again. */
  readonly history?: true;
  readonly columns: string;
  readonly partition: string;
  readonly clustering?: readonly (readonly [column: string, direction: 'ASC' | 'DESC'])[];
}

/**
 * Every table serves one question. Nothing but positions is updated in place, and every key follows from the journal, so
 * writing a row again changes nothing.
 */
export const tables: readonly Table[] = [
  {
    // Newest first. A digest that differs for one seq is a second row, not an overwritten one: it must be seen.
    name: 'snapshot_manifest',
    columns: `domain text, cell int, at bigint, seq bigint, journal_id text, digest text, fold_version int, cursor text,
      slices text`,
    partition: 'domain, cell',
    clustering: [
      ['at', 'DESC'],
      ['seq', 'DESC'],
      ['journal_id', 'ASC'],
      ['digest', 'ASC'],
    ],
  },
  {
    name: 'snapshot_slice',
    columns: 'domain text, cell int, digest text, bytes blob',
    partition: 'domain, cell, digest',
  },
  {
    name: 'journal_registry',
    columns: 'domain text, cell int, journal_id text, genesis_hash text, repairs text',
    partition: 'domain, cell',
  },
  {
    // A row is one state of many tasks; 1,024 pods share a partition, and the story of a task is one read of it.
    // `first_index` and `last_index` pass over rows that can't hold a pod; `told` says which tasks, see row-mapping;
    // another encoding gets another name, by which histories of earlier versions are known.
    name: 'task_history',
    history: true,
    columns: `service text, generation bigint, pod text, bucket int, segment int, seq bigint, n int, task text,
      incarnation int, first_index int, last_index int, cell int, state text, ready boolean, reason text, message text,
      exit_code int, exit_signal text, exit_oom boolean, late boolean, told blob`,
    partition: 'service, generation, pod, bucket, segment',
    clustering: [
      ['seq', 'ASC'],
      ['n', 'ASC'],
    ],
  },
  {
    // Pieces of the task history name agents by number.
    name: 'agent_numbers',
    history: true,
    columns: 'cell int, number int, agent text',
    partition: 'cell',
    clustering: [['number', 'ASC']],
  },
  {
    // A forwarded command has an outcome in two cells; one whose id was used again has several in one.
    name: 'command_outcomes',
    history: true,
    columns: `command_id text, at timestamp, domain text, cell int, seq bigint, n int, outcome text, command_type text,
      subject text, actor text, reason text, code text, message text, field text, remedy text, forwarded_to int`,
    partition: 'command_id',
    clustering: [
      ['at', 'ASC'],
      ['domain', 'ASC'],
      ['cell', 'ASC'],
      ['seq', 'ASC'],
      ['n', 'ASC'],
    ],
  },
  {
    name: 'service_versions',
    history: true,
    columns: `service text, generation bigint, version int, cell int, seq bigint, at timestamp, actor text, reason text,
      command_id text, spec_digest text, spec text`,
    partition: 'service',
    clustering: [
      ['generation', 'DESC'],
      ['version', 'DESC'],
    ],
  },
  {
    name: 'agent_history',
    history: true,
    columns: `agent text, seq bigint, n int, at timestamp, type text, state text, epoch bigint, actor text, reason text,
      cause text, detail text`,
    partition: 'agent',
    clustering: [
      ['seq', 'DESC'],
      ['n', 'DESC'],
    ],
  },
  auditTable('audit_by_day', 'day'),
  auditTable('audit_by_actor', 'actor, month'),
  auditTable('audit_by_subject', 'subject, month'),
  {
    // How far a projector has come in a journal: written after the rows.
    name: 'projection_position',
    history: true,
    columns: 'projector text, journal text, seq bigint, cursor text, at timestamp',
    partition: 'projector',
    clustering: [['journal', 'ASC']],
  },
  {
    // What a projector needs to go on at a position: written before it; what is older goes with the next one.
    name: 'projector_memory',
    history: true,
    columns: 'projector text, journal text, seq bigint, slice int, bytes blob',
    partition: 'projector, journal',
    clustering: [
      ['seq', 'ASC'],
      ['slice', 'ASC'],
    ],
  },
];

function auditTable(name: string, partition: string): Table {
  const bucket = partition.includes('month') ? 'month' : 'day';
  return {
    name,
    history: true,
    columns: `${bucket} text, at timestamp, journal text, seq bigint, n int, actor text, subject text, type text,
      reason text, command_id text, detail text`,
    partition,
    clustering: [
      ['at', 'DESC'],
      ['journal', 'DESC'],
      ['seq', 'DESC'],
      ['n', 'DESC'],
    ],
  };
}
