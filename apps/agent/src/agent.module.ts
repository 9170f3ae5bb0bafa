import { Module } from '@nestjs/common';

/** The agent is its transport: there is nothing to inject. */
@Module({})
export class AgentModule {}
