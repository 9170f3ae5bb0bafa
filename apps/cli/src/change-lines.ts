import type { Difference } from './answers.js';
import { brief } from './output/lines.js';

/** What changed, a line each: `+` came, `-` went, `~` is another now. */
export function changeLines(changes: readonly Difference[]): string[] {
  return changes.flatMap((change) => (isText(change) ? textLines(change) : [changeLine(change)]));
}

const TEXT_LINES_MAX = 20;

/** A configuration file or a script: which of its lines went and came is what people want to know. */
function isText({ before, after }: Difference): boolean {
  return (
    [before, after].every((value) => typeof value === 'string') &&
    `${before as string}${after as string}`.includes('\n')
  );
}

function textLines({ path, before, after }: Difference): string[] {
  const [old, now] = [before, after].map((text) => (text as string).split('\n')) as [string[], string[]];
  const lines = [
    ...linesWithout(old, now).map((line) => `    - ${brief(line)}`),
    ...linesWithout(now, old).map((line) => `    + ${brief(line)}`),
  ];
  const more = lines.length > TEXT_LINES_MAX ? [`    and ${lines.length - TEXT_LINES_MAX} lines more`] : [];
  const moved = lines.length === 0 ? ['    lines have changed their places'] : [];
  return [`~ ${path}:`, ...lines.slice(0, TEXT_LINES_MAX), ...more, ...moved];
}

/** Lines that stand there more often than in the other. */
function linesWithout(lines: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

function changeLine({ path, before, after }: Difference): string {
  const pod = /^\/pods\/([^/]+)$/.exec(path)?.[1];
  if (before === undefined) return pod === undefined ? `+ ${path}: ${brief(after)}` : `+ ${podLine(pod, after)}`;
  if (after === undefined) return pod === undefined ? `- ${path}: ${brief(before)}` : `- pod ${pod}`;
  return `~ ${path}: ${brief(before)} → ${brief(after)}`;
}

interface PodSpec {
  readonly count?: number;
  readonly image?: string;
  readonly tasks?: Readonly<Record<string, TaskSpec>>;
  readonly volumes?: Readonly<Record<string, { readonly type?: string; readonly size?: number }>>;
  readonly placement?: unknown;
}

interface TaskSpec {
  readonly cpus?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly gpus?: number;
  readonly ports?: Readonly<Record<string, { readonly port?: number }>>;
  readonly 'resource-set'?: string;
}

/** What a pod type asks for, without what is so by default: `pod web: 3, task server (cpus 0.1, memory 64 MiB, port http)`. */
export function podLine(name: string, spec: unknown): string {
  const { count = 0, image, tasks = {}, volumes = {}, placement } = spec as PodSpec;
  const parts = [
    `${count}`,
    ...(image === undefined ? [] : [`image ${image}`]),
    ...Object.entries(tasks).map(([task, needs]) => `task ${task} (${needsText(needs)})`),
    ...Object.entries(volumes).map(([volume, { type, size }]) => `volume ${volume} (${type} ${size} MiB)`),
    ...(isEmpty(placement) ? [] : [`placement ${brief(placement)}`]),
  ];
  return `pod ${name}: ${parts.join(', ')}`;
}

function needsText({ cpus, memory, disk, gpus, ports = {}, 'resource-set': set }: TaskSpec): string {
  const amounts = [
    ...(set === undefined ? [`cpus ${cpus}`, `memory ${memory} MiB`] : [`in resource set ${set}`]),
    ...(disk === undefined || disk === 0 ? [] : [`disk ${disk} MiB`]),
    ...(gpus === undefined || gpus === 0 ? [] : [`gpus ${gpus}`]),
    ...Object.entries(ports).map(([port, { port: number = 0 }]) => `port ${port}${number === 0 ? '' : ` ${number}`}`),
  ];
  return amounts.join(', ');
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}
