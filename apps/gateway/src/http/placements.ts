import { Injectable } from '@nestjs/common';
import type { GrantId } from '@orrery/contracts';
import type { Choice } from '@orrery/domain';
import { ReadModel } from '../read-model/read-model.js';

interface Told {
  readonly hostname?: string;
  readonly grant?: { readonly id: GrantId; readonly cell: number };
}

/** Adds to what is told of a task how its place was chosen. */
@Injectable()
export class Placements {
  constructor(private readonly model: ReadModel) {}

  /** Of a task that has a grant; `scoresMax` 0 asks for nothing. Where it can't be known, it is said why. */
  async explain(told: unknown, scoresMax: number): Promise<unknown> {
    const { grant } = told as Told;
    if (grant === undefined || scoresMax === 0) return told;
    const commit = `allocation-${grant.cell}:${grant.id.split('.')[0]}`;
    try {
      const choice = await this.model.choiceOf({ cell: grant.cell, grant: grant.id, scoresMax });
      const unknown = 'this version would decide that commit in another way: how it was chosen is not known';
      return { ...(told as object), choice: choice === null ? { commit, unknown } : choiceJson(commit, choice) };
    } catch (error) {
      // Where the task is, is known all the same: the snapshots may be away, or a read of the past may fail.
      return { ...(told as object), choice: { commit, unknown: (error as Error).message } };
    }
  }
}

function choiceJson(commit: string, choice: Choice): object {
  return { commit, sentence: sentenceOf(choice), ...choice };
}

const meaningOf: Readonly<Record<Choice['policy'], string>> = {
  pack: 'pack prefers the agent that is used most',
  spread: 'spread prefers the agent that is used least',
};

function sentenceOf({ policy, agents, fitting, scores }: Choice): string {
  const [winner, next] = scores;
  const among = `chosen among ${fitting} of ${agents} agents on which the pod fitted`;
  if (winner === undefined || next === undefined) return `${among}; ${meaningOf[policy]}`;
  const than = winner.score === next.score ? 'as much as' : 'more than';
  const tie = winner.score === next.score ? ', which registered later' : '';
  return `${among}; ${meaningOf[policy]}: ${winner.hostname} scored ${winner.score}, ${than} ${next.hostname} with ${next.score}${tie}`;
}
