import { Gauge, type Registry } from 'prom-client';
import type { ReadModel } from '../read-model/read-model.js';
import type { FigureStore, ServiceFigures } from './figure-store.js';

/** Services with labels of their own: those that hold most memory. The others are one. */
const SERVICES_MAX = 100;
const OTHERS = '(others)';

interface Line extends ServiceFigures {
  readonly role: string;
}

/** What services use, for Prometheus: at most 101 series a figure, however many tasks and services there are. */
export function serviceFigures(registry: Registry, store: FigureStore, model: ReadModel): void {
  const labelNames = ['service', 'role'];
  const measure = async (): Promise<Line[]> => {
    const { shown, others } = mostAndOthers(store.services());
    const roles = await rolesOf(model, shown);
    const named = shown.map((line) => ({ ...line, role: roles.get(line.service) ?? '' }));
    return others === undefined ? named : [...named, { ...others, role: '' }];
  };
  // All gauges of a scrape are collected at once, of one measure.
  let underWay: Promise<Line[]> | undefined;
  const lines = () => (underWay ??= measure().finally(() => (underWay = undefined)));
  const gauge = (name: string, help: string, value: (line: Line) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const all = await lines();
        this.reset();
        for (const line of all) this.set({ service: line.service, role: line.role }, value(line));
      },
    });
  gauge('orrery_service_measured_tasks', 'Tasks of the service that are measured', ({ tasks }) => tasks);
  gauge('orrery_service_cpu_cores', 'Cores that the tasks of the service use', ({ cpusMilli }) => cpusMilli / 1000);
  gauge('orrery_service_memory_bytes', 'Memory that they hold', ({ memoryMib }) => memoryMib * 1024 * 1024);
}

/** The ones that hold most memory by themselves, the rest as one. */
export function mostAndOthers(
  services: readonly ServiceFigures[],
  max = SERVICES_MAX,
): { readonly shown: readonly ServiceFigures[]; readonly others: ServiceFigures | undefined } {
  const sorted = services
    .filter(({ service }) => service !== '')
    .sort((left, right) => right.memoryMib - left.memoryMib || (left.service < right.service ? -1 : 1));
  const rest = [...sorted.slice(max), ...services.filter(({ service }) => service === '')];
  if (rest.length === 0) return { shown: sorted, others: undefined };
  const sum = (value: (each: ServiceFigures) => number) => rest.reduce((total, each) => total + value(each), 0);
  const others = {
    service: OTHERS,
    tasks: sum(({ tasks }) => tasks),
    cpusMilli: sum(({ cpusMilli }) => cpusMilli),
    memoryMib: sum(({ memoryMib }) => memoryMib),
  };
  return { shown: sorted.slice(0, max), others };
}

async function rolesOf(model: ReadModel, shown: readonly ServiceFigures[]): Promise<ReadonlyMap<string, string>> {
  const names = shown.map(({ service }) => service);
  // Before the journals are folded nobody knows roles, and figures without them are better than none.
  if (names.length === 0 || !model.status().ready) return new Map();
  const { body } = await model.ask({ query: { ask: 'roles-of', services: names } });
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  return new Map(Object.entries(JSON.parse(text) as Record<string, string>));
}
