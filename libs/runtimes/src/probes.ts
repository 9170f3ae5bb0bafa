import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { connect } from 'node:net';
import { signal } from './process-identity.js';
import type { Probe, ProbeResult } from './runtime.js';

export interface ProbePlace {
  readonly sandbox: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The check counts as part of its task, and is reached by whatever ends it. */
  readonly procsFiles: readonly string[];
}

export function probeOnce(probe: Probe, place: ProbePlace): Promise<ProbeResult> {
  switch (probe.kind) {
    case 'cmd':
      return runCommand(probe, place);
    case 'http':
      return getHttp(probe);
    case 'tcp':
      return connectTcp(probe);
  }
}

type ProbeOf<Kind extends Probe['kind']> = Extract<Probe, { kind: Kind }>;

const JOIN_AND_RUN = 'c=$1; shift; for f; do echo 0 >"$f" || exit 126; done; exec /bin/sh -c "$c"';

function runCommand({ command, environment, timeoutMs }: ProbeOf<'cmd'>, place: ProbePlace): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', JOIN_AND_RUN, 'check', command, ...place.procsFiles], {
      cwd: place.sandbox,
      env: { ...place.environment, ...environment },
      detached: true,
      stdio: 'ignore',
    });
    const kill = () => child.pid !== undefined && signal(-child.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      kill();
      resolve(late(timeoutMs));
    }, timeoutMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ passed: false, message: error.message });
    });
    child.once('exit', (code, by) => {
      clearTimeout(timer);
      kill();
      resolve({ passed: code === 0, message: by === null ? `exit code ${code}` : `ended by ${by}` });
    });
  });
}

function getHttp({ address, port, path, timeoutMs }: ProbeOf<'http'>): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const call = request({ host: address, port, path, method: 'GET', agent: false }, (response) => {
      const { statusCode = 0 } = response;
      response.resume();
      call.destroy();
      clearTimeout(timer);
      resolve({ passed: statusCode >= 200 && statusCode < 400, message: `status ${statusCode}` });
    });
    const timer = setTimeout(() => {
      resolve(late(timeoutMs));
      call.destroy();
    }, timeoutMs);
    call.once('error', (error) => {
      clearTimeout(timer);
      resolve({ passed: false, message: error.message });
    });
    call.end();
  });
}

function connectTcp({ address, port, timeoutMs }: ProbeOf<'tcp'>): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (result: ProbeResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish(late(timeoutMs)), timeoutMs);
    socket.once('connect', () => finish({ passed: true, message: 'connected' }));
    socket.once('error', (error) => finish({ passed: false, message: error.message }));
  });
}

function late(timeoutMs: number): ProbeResult {
  return { passed: false, message: `no answer within ${timeoutMs} ms` };
}
