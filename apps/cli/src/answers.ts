/** The JSON of the gateway, as far as this program reads it; all of it is printed with `-o json`. */
export interface Service {
  readonly name: string;
  readonly version: number;
  readonly role: string;
  readonly state: string;
  readonly cell?: number;
  readonly pods: Readonly<
    Record<
      string,
      {
        readonly count: number;
        readonly running: number;
        readonly ready?: number;
        readonly priority?: number;
        readonly revocable?: boolean;
        /** Of one service alone: version → pods that run it. */
        readonly versions?: Readonly<Record<string, number>>;
      }
    >
  >;
  readonly plan: Pick<Plan, 'name' | 'status' | 'message' | 'failedTask'> | null;
  /** What it was installed from. */
  readonly package?: { readonly name: string; readonly version: string };
  /** Of one service alone. */
  readonly spec?: { readonly pods: Readonly<Record<string, { readonly tasks: object }>> };
}

export interface ServiceVersion {
  readonly version: number;
  readonly at?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly digest?: string;
}

export interface Difference {
  /** JSON pointer. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface Plan {
  readonly name: string;
  readonly status: string;
  readonly strategy?: string;
  /** Of the service, that it leads to. */
  readonly version?: number;
  /** Of one plan alone: pod type → version → pods that run it. */
  readonly running?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** ERROR: why. */
  readonly message?: string;
  /** Id of the task whose failures are the reason. */
  readonly failedTask?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly phases?: readonly Phase[];
}

export interface Phase {
  readonly name: string;
  readonly status: string;
  readonly strategy?: string;
  readonly total: number;
  readonly complete: number;
  readonly message?: string;
  /** The first of a very large phase. */
  readonly steps?: readonly { readonly name: string; readonly status: string; readonly message?: string }[];
}

export interface Pod {
  readonly name: string;
  readonly agent?: string | null;
  readonly state: string;
  readonly message?: string;
  readonly tasks?: readonly Task[];
}

export interface Task {
  readonly id: string;
  readonly service: string;
  readonly pod: string;
  readonly task: string;
  readonly agent?: string | null;
  readonly state: string;
  readonly incarnation: number;
  readonly pid?: number;
  readonly address?: string;
  readonly ports?: Readonly<Record<string, number>>;
  readonly ready?: boolean;
  /** How it ended, or what it waits for. */
  readonly message?: string;
  /** In a row. */
  readonly failures?: number;
  /** It sleeps instead of running its command. */
  readonly paused?: boolean;
  readonly since?: string;
}

/** What a task asked for and what it uses. */
export interface MeasuredTask extends Task {
  readonly asked?: { readonly cpus: number; readonly memory: number; readonly disk: number };
  readonly usage?: {
    readonly at: string;
    readonly cpus?: number;
    readonly memory?: number;
    readonly disk?: number;
    readonly network?: { readonly receivedPerSecond: number; readonly sentPerSecond: number };
  };
}

export interface HistoryRow {
  readonly task: string;
  readonly incarnation: number;
  readonly seq: number;
  readonly state: string;
  readonly at: string;
  readonly agent?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly cause?: unknown;
}

export interface Agent {
  readonly id: string;
  readonly hostname: string;
  readonly state: string;
  readonly resources: Amounts;
  readonly used: Amounts;
  readonly domain?: { readonly region?: string; readonly zone?: string };
  readonly address?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Ranges, first and last. */
  readonly ports?: readonly (readonly [number, number])[];
  readonly tasks?: number;
  /** Of one agent that is drained: pods that wait there with their data. */
  readonly staying?: readonly { readonly service: string; readonly pod: string; readonly volumes: readonly string[] }[];
  readonly disks?: readonly {
    readonly name: string;
    readonly type: string;
    readonly path: string;
    readonly size: number;
    readonly free: number;
  }[];
  /** What of it is used, by whomever. */
  readonly machine?: {
    readonly at: string;
    readonly cpus: Share;
    readonly memory: Share;
    readonly disk: Share;
    readonly load: number;
  };
}

export interface Share {
  readonly used: number;
  readonly of: number;
}

export interface Fairness {
  readonly scarce: readonly string[];
  readonly cells: readonly { readonly cell: number; readonly capacity: Amounts }[];
}

export interface Preemptor {
  readonly service: string;
  readonly pod: string;
  readonly role: string;
  readonly priority: number;
}

/** How many pods may be preempted a minute, and what is under way. */
export interface Preemption {
  readonly perMinute?: number;
  /** Of the newest commit, which the minute ends with. */
  readonly at: string;
  readonly cells: readonly {
    readonly cell: number;
    readonly budget: number;
    readonly spent: number;
    readonly open: number;
    readonly orders: readonly {
      readonly preemption: string;
      readonly for: Preemptor;
      readonly pods: number;
      readonly awaited: number;
      readonly until: string;
    }[];
  }[];
}

export interface Amounts {
  readonly cpus: number;
  readonly memory: number;
  readonly disk: number;
  readonly gpus: number;
}

export interface Role {
  readonly role: string;
  readonly weight: number;
  readonly used: Amounts;
  /** With all roles below it. */
  readonly usedBelow: Amounts;
  readonly waiting: number;
  readonly quota?: { readonly limit?: Partial<Amounts>; readonly guarantee?: Partial<Amounts> };
}

export interface Reservation {
  readonly id: string;
  readonly agent: string;
  readonly role: string;
  readonly resources: Reserved;
  readonly idle: Reserved;
  readonly labels: Readonly<Record<string, string>>;
  readonly refines?: string;
  /** Declared by its agent. */
  readonly static?: boolean;
}

export interface Reserved extends Amounts {
  readonly ports?: readonly { readonly begin: number; readonly end: number }[];
  readonly disks?: readonly string[];
}

export interface Volume {
  readonly id: string;
  readonly agent: string | null;
  readonly state: string;
  readonly name: string;
  readonly type: string;
  readonly disk: string | null;
  readonly size: number;
  readonly shared?: boolean;
  readonly users?: number;
  readonly service: string;
  readonly generation: number;
  readonly role: string;
  readonly pod: string;
  readonly adopter?: { readonly service: string; readonly pod: string };
}

export interface QuotaOfRole {
  readonly role: string;
  readonly limit?: Partial<Amounts>;
  readonly guarantee?: Partial<Amounts>;
  readonly cells: number;
  readonly used: Amounts;
}

export interface Endpoint {
  readonly name: string;
  readonly address: readonly string[];
  readonly vip?: string;
  /** Of the tasks, where they have such. */
  readonly names?: readonly string[];
  readonly visibility?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** What there is of a service, known by name or not. */
export interface Owned {
  readonly tasks: number;
  readonly volumes: number;
  readonly reservations: number;
  readonly agents: readonly { readonly agent: string; readonly hostname: string; readonly state: string }[];
}

export interface PackageLine {
  readonly name: string;
  readonly version: string;
  readonly versions: readonly string[];
  readonly description: string;
  readonly tags: readonly string[];
  readonly repository: string;
}

/** One version of a package. */
export interface Package extends PackageLine {
  readonly upgradesFrom?: readonly string[];
  readonly notes?: { readonly preInstall?: string; readonly postInstall?: string };
  /** JSON Schema of its options. */
  readonly config: object;
  readonly alerts: readonly { readonly name: string; readonly severity: string; readonly summary: string }[];
}

export interface RepositoryLine {
  readonly name: string;
  readonly uri: string;
}

export interface StreamedEvent {
  readonly position: string;
  readonly at: string;
  readonly journal: string;
  readonly seq: number;
  readonly type: string;
  readonly service?: string;
  readonly agent?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly data?: unknown;
}

/** A folder of a sandbox. */
export interface Folder {
  readonly path: string;
  readonly entries: readonly {
    readonly name: string;
    readonly kind: 'folder' | 'file' | 'link' | 'other';
    readonly size: number;
    readonly modifiedAt: string;
  }[];
  readonly more: boolean;
}

/** In characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A line of what a command in a task tells. */
export type ExecLine =
  /** Where its input is sent. */
  | { readonly input: string }
  /** Bytes of its input. */
  | { readonly taken: number }
  | { readonly stream: 'stdout' | 'stderr'; readonly data: string }
  | { readonly exit: number }
  | { readonly error: string; readonly code: string };
