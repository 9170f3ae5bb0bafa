import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { objectOf } from '../request-body.js';
import { TaskExec } from '../task-exec.js';
import { TaskFiles } from '../task-files.js';
import { TaskLogs } from '../task-logs.js';

/** What goes on inside a task, as its agent tells it: outputs, files, commands. */
@Controller('v1/tasks')
export class SandboxesController {
  constructor(
    private readonly logs: TaskLogs,
    private readonly files: TaskFiles,
    private readonly commands: TaskExec,
  ) {}

  @Get(':id/logs')
  async read(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.logs.stream(request, reply, id);
  }

  @Get(':id/files')
  async folder(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.files.list(request, reply, id);
  }

  @Get(':id/files/content')
  async content(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.files.content(request, reply, id);
  }

  @Post(':id/exec')
  async exec(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id') id: string,
    @Body() given: unknown,
  ): Promise<void> {
    await this.commands.run(request, reply, id, objectOf(given));
  }

  @Post(':id/exec/:stream')
  async give(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() at: { id: string; stream: string },
    @Body() given: unknown,
  ): Promise<void> {
    await this.commands.give(request, reply, at, objectOf(given));
  }
}
