/** Whose story: a task of a service of one creation. A re-installed service has another generation. */
export interface TaskKey {
  readonly service: string;
  readonly generation: number;
  readonly pod: string;
  readonly index: number;
  readonly task: string;
}

/** One state of one task. The key is the task with `seq` and `n`: where the cluster journal says it. */
export interface TaskStateRow extends TaskKey {
  /** Of the commit in the cluster journal. */
  readonly seq: number;
  /** Which state of this commit, counted from 0. */
  readonly n: number;
  readonly state: string;
  readonly incarnation: number;
  readonly at: number;
  readonly agent?: string;
  readonly launch?: string;
  readonly ready?: boolean;
  readonly reason?: string;
  readonly message?: string;
  /** A command id or a place in a journal. */
  readonly cause?: string;
  readonly exit?: { readonly code?: number; readonly signal?: string; readonly oom?: boolean };
  /** Reported after the task was already LOST or KILLED: told, and changing nothing. */
  readonly late?: boolean;
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
  /** Of the event. */
  readonly type: string;
  readonly actor: string;
  /** The service, agent or role that it is about. */
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

/** How far a projector has come in a journal; `cursor` is the whole cursor as JSON. */
export interface ProjectionPosition {
  /** `services/0`. */
  readonly journal: string;
  readonly seq: number;
  readonly cursor: string;
}
