import { Option, type Command } from 'commander';
import type { Add } from './program.js';

interface CommonOptions {
  readonly listing: () => Option[];
  readonly reading: () => Option[];
  readonly changing: () => Option[];
  readonly yes: () => Option;
}

/** Pods, and what operators do with one of them. */
export function addPods(program: Command, add: Add, { listing, reading, changing, yes }: CommonOptions): void {
  const pod = program.command('pod').description('Pods: tasks placed together on one agent');
  const verb = (name: 'list' | 'show' | 'restart' | 'replace' | 'pause' | 'resume') => async () =>
    (await import('./verbs/pod.js'))[name];
  add(pod, { usage: 'list <service>', says: 'List the pods of a service', load: verb('list'), options: listing() });
  add(pod, {
    usage: 'show <service> <pod>',
    says: 'Show one pod, such as node-0',
    load: verb('show'),
    options: reading(),
  });
  add(pod, {
    usage: 'restart <service> <pod>',
    says: 'Restart a pod in its place',
    load: verb('restart'),
    options: changing(),
  });
  add(pod, {
    usage: 'replace <service> <pod>',
    says: 'Give a pod a new place; its volumes are left behind',
    load: verb('replace'),
    options: [new Option('--fenced', 'the old machine is off, on your word'), yes(), ...changing()],
  });
  add(pod, {
    usage: 'pause <service> <pod>',
    says: 'Let the tasks of a pod sleep in their place, with their volumes, for orrery task exec',
    load: verb('pause'),
    options: [ofTasks(), ...changing()],
  });
  add(pod, {
    usage: 'resume <service> <pod>',
    says: 'Let a paused pod run its commands again',
    load: verb('resume'),
    options: [ofTasks(), ...changing()],
  });
}

function ofTasks(): Option {
  return new Option('--task <name...>', 'of these tasks alone');
}
