import { Body, Controller, Delete, Get, Param, Post, Put, Req, Res } from '@nestjs/common';
import { checkShape, type ServiceSpec } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Packages, type PackageRequest, type Surroundings } from '../../packages/packages.js';
import { packageBody } from '../../packages/package-body.js';
import { Repositories } from '../../packages/repositories.js';
import { Problem } from '../../problem.js';
import { pageOfEntries } from '../../read-model/paging.js';
import { pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';

/** Packages and where they come from. What is installed is a service, and told there. */
@Controller('v1')
export class PackagesController {
  constructor(
    private readonly packages: Packages,
    private readonly repositories: Repositories,
    private readonly reads: Reads,
    private readonly writes: Writes,
  ) {}

  @Get('packages')
  async search(@Req() request: FastifyRequest): Promise<object> {
    const parameters = parametersOf(request, ['query', ...pageParameters]);
    const found = await this.packages.search(parameters['query'] ?? '');
    return pageOfEntries(
      found.map((line) => [line.name, line]),
      pageOf(parameters),
      (line) => line,
    );
  }

  @Get('packages/:name')
  async describe(@Req() request: FastifyRequest, @Param('name') name: string): Promise<object> {
    return this.packages.describe(name, parametersOf(request, ['version'])['version']);
  }

  /** As its author wrote them: a file for `rule_files` of Prometheus. */
  @Get('packages/:name/alerts')
  async alerts(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('name') name: string): Promise<void> {
    const rules = await this.packages.alerts(name, parametersOf(request, ['version'])['version']);
    void reply.header('content-type', 'application/yaml').send(rules);
  }

  @Post('packages/:name/render')
  async render(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Body() given: unknown,
  ): Promise<void> {
    parametersOf(request, []);
    void reply.status(200).send(await this.packages.render(name, requestOf(given), this.surroundings(request)));
  }

  @Post('packages/:name/install')
  async install(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Body() given: unknown,
  ): Promise<void> {
    const spec = await this.packages.install(name, requestOf(given), this.surroundings(request));
    await this.apply(request, reply, spec);
  }

  @Post('packages/:name/update')
  async update(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('name') name: string,
    @Body() given: unknown,
  ): Promise<void> {
    const asked = requestOf(given);
    const service = asked.name ?? name;
    const installed = await this.installed(request, service);
    if (installed?.spec.package?.name !== name) {
      throw Problem.of('package-not-installed', `there is no service ${service} of the package ${name}`, {
        field: '/name',
        remedy: 'orrery package list shows what is installed',
      });
    }
    const spec = await this.packages.update(name, asked, installed.spec, this.surroundings(request));
    // What it was rendered from is the version that was read.
    await this.apply(request, reply, spec, String(installed.version));
  }

  @Get('repositories')
  listRepositories(@Req() request: FastifyRequest): object {
    parametersOf(request, []);
    return { items: this.repositories.list(), next: null };
  }

  @Put('repositories/:name')
  addRepository(@Req() request: FastifyRequest, @Param('name') name: string, @Body() given: unknown): object {
    parametersOf(request, []);
    return { items: this.repositories.add({ ...objectOf(given), name }), next: null };
  }

  @Delete('repositories/:name')
  removeRepository(@Req() request: FastifyRequest, @Param('name') name: string): object {
    parametersOf(request, []);
    return { items: this.repositories.remove(name), next: null };
  }

  private async apply(
    request: FastifyRequest,
    reply: FastifyReply,
    spec: ServiceSpec,
    ifVersion?: string,
  ): Promise<void> {
    const isDry = parametersOf(request, ['dry-run'])['dry-run'] === 'true';
    if (isDry) return this.reads.answer(request, reply, { ask: 'dry-run', name: spec.name, body: spec });
    await this.writes.apply(request, reply, spec, ifVersion);
  }

  private surroundings(request: FastifyRequest): Surroundings {
    return {
      find: async (service) => (await this.installed(request, service))?.spec,
      addressesOf: async (service, endpoint) => {
        if ((await this.installed(request, service)) === undefined) return undefined;
        const page = pageOf({ limit: '1000' });
        const { items } = (await this.reads.value(request, { ask: 'endpoints', name: service, page }, undefined)) as {
          readonly items: readonly { readonly name: string; readonly address: readonly string[] }[];
        };
        return items.find(({ name }) => name === endpoint)?.address ?? [];
      },
    };
  }

  private async installed(
    request: FastifyRequest,
    name: string,
  ): Promise<{ readonly spec: ServiceSpec; readonly version: number } | undefined> {
    try {
      return (await this.reads.value(request, { ask: 'service', name }, undefined)) as never;
    } catch (error) {
      if (error instanceof Problem && error.code === 'unknown-service') return undefined;
      throw error;
    }
  }
}

function requestOf(given: unknown): PackageRequest {
  const checked = checkShape(packageBody, { options: {}, ...objectOf(given) });
  if (checked.ok) return checked.value;
  throw Problem.refused(checked.refusal);
}
