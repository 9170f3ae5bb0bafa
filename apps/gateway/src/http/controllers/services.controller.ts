import { Body, Controller, Delete, Get, Param, Post, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../problem.js';
import { HistoryReads } from '../history-reads.js';
import { countOf, invalid, pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';

const planVerbs: Readonly<Record<string, string>> = {
  start: 'StartPlan',
  stop: 'StopPlan',
  pause: 'PausePlan',
  resume: 'ResumePlan',
  'force-complete': 'ForceCompletePlan',
  'force-restart': 'ForceRestartPlan',
};
const podVerbs: Readonly<Record<string, string>> = {
  restart: 'RestartPod',
  replace: 'ReplacePod',
  pause: 'PausePod',
  resume: 'ResumePod',
};

@Controller('v1/services')
export class ServicesController {
  constructor(
    private readonly reads: Reads,
    private readonly writes: Writes,
    private readonly history: HistoryReads,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'services', page: pageOf(parameters) }, parameters);
  }

  @Get(':name')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'service', name }, parametersOf(request, ['at']));
  }

  @Put(':name')
  async apply(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Body() given: unknown,
  ): Promise<void> {
    const parameters = parametersOf(request, ['dry-run']);
    const body = { name, ...objectOf(given) };
    if (body.name !== name) {
      const message = `the spec is of ${String(body.name)}, the address of ${name}`;
      throw Problem.of('invalid-field', message, { field: '/name', remedy: 'let both name the same service' });
    }
    if (parameters['dry-run'] === 'true') return this.reads.answer(request, reply, { ask: 'dry-run', name, body });
    await this.writes.service(request, reply, name, 'ApplyService', body);
  }

  @Delete(':name')
  async uninstall(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
  ): Promise<void> {
    await this.writes.service(request, reply, name, 'UninstallService', { name });
  }

  @Get(':name/versions')
  async versions(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
  ): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    const query = { ask: 'service-versions', name, page: pageOf(parameters) } as const;
    await this.reads.answerWith(request, reply, { query, at: parameters['at'] }, (page) =>
      this.history.withAuthors(name, page as never),
    );
  }

  @Get(':name/diff')
  async diff(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    const parameters = parametersOf(request, ['at', 'from', 'to']);
    const [from, to] = [versionOf('from', parameters['from']), versionOf('to', parameters['to'])];
    await this.reads.answer(request, reply, { ask: 'service-diff', name, from, to }, parameters);
  }

  @Get(':name/owned')
  async owned(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'owned', name }, parametersOf(request, ['at']));
  }

  @Get(':name/endpoints')
  async endpoints(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
  ): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'endpoints', name, page: pageOf(parameters) }, parameters);
  }

  @Post(':name/scale')
  async scale(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Body() given: unknown,
  ): Promise<void> {
    await this.writes.service(request, reply, name, 'ScaleService', { ...objectOf(given), name });
  }

  @Post(':name/rollback')
  async rollback(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Body() given: unknown,
  ): Promise<void> {
    await this.writes.service(request, reply, name, 'RollBackService', { ...objectOf(given), name });
  }

  @Get(':name/plans')
  async plans(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'plans', name, page: pageOf(parameters) }, parameters);
  }

  @Get(':name/plans/:plan')
  async plan(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Param('plan') plan: string,
  ): Promise<void> {
    const parameters = parametersOf(request, ['at', 'steps']);
    const steps = countOf('steps', parameters['steps'], 10_000);
    await this.reads.answer(request, reply, { ask: 'plan', name, plan, steps }, parameters);
  }

  @Post(':name/plans/:plan/:verb')
  async changePlan(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() { name, plan, verb }: { name: string; plan: string; verb: string },
    @Body() given: unknown,
  ): Promise<void> {
    const body = { ...objectOf(given), name, plan };
    await this.writes.service(request, reply, name, commandOf(planVerbs, verb), body);
  }

  @Get(':name/pods')
  async pods(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'pods', name, page: pageOf(parameters) }, parameters);
  }

  @Get(':name/pods/:pod')
  async pod(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Param('pod') pod: string,
  ): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'pod', name, pod }, parametersOf(request, ['at']));
  }

  @Post(':name/pods/:pod/:verb')
  async changePod(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() { name, pod, verb }: { name: string; pod: string; verb: string },
    @Body() given: unknown,
  ): Promise<void> {
    const body = { ...objectOf(given), name, pod };
    await this.writes.service(request, reply, name, commandOf(podVerbs, verb), body);
  }
}

/** The command that a verb in an address stands for. */
export function commandOf(verbs: Readonly<Record<string, string>>, verb: string): string {
  const command = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (command !== undefined) return command;
  throw Problem.of('no-such-verb', `there is no verb ${verb} here`, {
    remedy: `verbs: ${Object.keys(verbs).join(', ')}`,
  });
}

function versionOf(name: string, text: string | undefined): number {
  if (text !== undefined && /^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw invalid(name, `${name} is a version, found ${text ?? 'nothing'}`, `such as ${name}=1`);
}
