/** Whose story: a task of a service of one creation. A re-installed service has another generation. */
export interface TaskKey {
  readonly service: string;
  readonly generation: number;
  readonly pod: string;
  readonly index: number;
  readonly task: string;
}

/** How it came to a state, equal for all tasks of a set. */
export interface StateTold {
  readonly state: string;
  readonly ready?: boolean;
  readonly reason?: string;
  readonly message?: string;
  readonly exit?: { readonly code?: number; readonly signal?: string; readonly oom?: boolean };
  /** Reported after the task was already LOST or KILLED: told, and changing nothing. */
  readonly late?: boolean;
}

/**
 * One state of many tasks: the same task of pods of one partition, in one incarnation, as told within one window of the
 * cluster journal. The key follows from the journal alone, and a row that is written again, with more tasks, takes the place
 * of the one before.
 */
export interface TaskSetRow extends StateTold {
  readonly service: string;
  readonly generation: number;
  readonly pod: string;
  /** Pod index / 1,024. */
  readonly bucket: number;
  /** Splits what is told of a bucket by time: the next one begins when one is full. */
  readonly segment: number;
  /** Of the first commit of the window. */
  readonly seq: number;
  /** Which row of the partition in this window, counted from 0. */
  readonly n: number;
  readonly task: string;
  readonly incarnation: number;
  /** The cell of the cluster journal, by which agents are numbered. */
  readonly cell: number;
  readonly pieces: TaskPieces;
}

/**
 * Which tasks, column by column. A piece is tasks of pods that follow each other, with launch ids that follow each other, on
 * one agent, told by one event. A column of one number stands for all pieces, or for all tellings.
 */
export interface TaskPieces {
  /** How many pieces. */
  readonly length: number;
  /** How many tasks. */
  readonly counts: readonly number[];
  /** Pod index of the first. */
  readonly indexes: readonly number[];
  readonly agents: readonly number[];
  readonly launchSeqs: readonly number[];
  /** Ordinal of the first. */
  readonly launchOrdinals: readonly number[];
  readonly tellings: Tellings;
  readonly causes: readonly string[];
}

/** The events that told the pieces, in their order. */
export interface Tellings {
  /** How many pieces each of them told. */
  readonly pieces: readonly number[];
  /** The commit, the place of the event in it, and its time. */
  readonly seqs: readonly number[];
  readonly events: readonly number[];
  readonly ats: readonly number[];
  /** Index into `causes`, and the number that goes behind that text; -1: none does. */
  readonly causeTexts: readonly number[];
  readonly causeNumbers: readonly number[];
}

/** One state of one task, as it stands in a row of many. */
export interface TaskStateRow extends TaskKey, StateTold {
  /** Of the commit in the cluster journal. */
  readonly seq: number;
  /** Which event of this commit, counted from 0. */
  readonly n: number;
  readonly incarnation: number;
  readonly at: number;
  readonly agent?: string;
  readonly launch?: string;
  /** A command id or a place in a journal. */
  readonly cause?: string;
}

/** The number by which sets of a cell name an agent. */
export interface AgentNumberRow {
  readonly cell: number;
  readonly number: number;
  readonly agent: string;
}

/** What became of a command, where a journal says it. */
export interface CommandOutcomeRow {
  readonly commandId: string;
  readonly at: number;
  readonly domain: string;
  readonly cell: number;
  readonly seq: number;
  readonly n: number;
  readonly outcome: 'accepted' | 'refused' | 'forwarded';
  readonly commandType: string;
  readonly subject: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly refusal?: {
    readonly code: string;
    readonly message: string;
    readonly field?: string;
    readonly remedy?: string;
  };
  /** The cell that it was forwarded to. */
  readonly forwardedTo?: number;
}

/** An applied version of a service, with the spec as it was given. */
export interface ServiceVersionRow {
  readonly service: string;
  readonly generation: number;
  readonly version: number;
  readonly cell: number;
  readonly seq: number;
  readonly at: number;
  readonly specDigest: string;
  /** Canonical JSON. */
  readonly spec: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly commandId?: string;
}

/** Something that happened to an agent. */
export interface AgentHistoryRow {
  readonly agent: string;
  readonly seq: number;
  readonly n: number;
  readonly at: number;
  /** Of the event. */
  readonly type: string;
  readonly state?: string;
  readonly epoch?: number;
  readonly actor?: string;
  readonly reason?: string;
  readonly cause?: string;
  /** JSON, for people. */
  readonly detail?: string;
}

/** Who did what, when and why. */
export interface AuditRow {
  readonly at: number;
  /** `services/0`. */
  readonly journal: string;
  readonly seq: number;
  readonly n: number;
  /** Of the command, or of the event that no command caused. */
  readonly type: string;
  readonly actor: string;
  /** The service, agent or role that it belongs to. */
  readonly subject: string;
  readonly reason?: string;
  readonly commandId?: string;
  /** JSON, for people. */
  readonly detail?: string;
}

export interface AuditQuery {
  /** One of both narrows the search to a table of its own; both together filter what the subject's table gives. */
  readonly actor?: string;
  readonly subject?: string;
  /** Inclusive. Default: a year before `to`. */
  readonly from?: number;
  /** Inclusive. Default: now. */
  readonly to?: number;
  readonly limit?: number;
  /** The last row of the page before. */
  readonly after?: Pick<AuditRow, 'at' | 'journal' | 'seq' | 'n'>;
}

/** How far a projector has come in a journal. */
export interface ProjectionPosition {
  /** `services/0`. */
  readonly journal: string;
  /** Everything up to this commit is written down. */
  readonly seq: number;
  /** Where to go on, as JSON: there, or earlier. */
  readonly cursor: string;
}

/** What a projector keeps of a journal to go on in the middle of it, in slices. */
export interface ProjectorMemory {
  readonly journal: string;
  /** Right after this commit. */
  readonly seq: number;
  readonly slices: readonly Uint8Array[];
}
