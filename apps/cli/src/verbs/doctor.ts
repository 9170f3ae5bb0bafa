import type { Call } from '../call.js';
import { exitCodes, type ExitCode } from '../exit-codes.js';

type Diagnosis =
  | {
      readonly check: string;
      readonly ok: boolean;
      readonly about: string;
      readonly message: string;
      readonly remedy?: string;
    }
  | { readonly check: 'result'; readonly ok: boolean; readonly message: string; readonly about?: undefined };

/** What agrees and what does not; exit code 1 when anything does not. */
export async function doctor(call: Call): Promise<ExitCode> {
  let ok = false;
  for await (const line of call.gateway.lines<Diagnosis>('/v1/doctor', {}, call.surroundings.interrupted)) {
    if (line.check === 'result') ok = line.ok;
    await call.output.item(line, diagnosisText);
  }
  return ok ? exitCodes.done : exitCodes.error;
}

function diagnosisText(line: Diagnosis): string {
  if (line.about === undefined) return line.message;
  const remedy = line.remedy === undefined ? '' : `\n         ${line.remedy}`;
  return `${line.ok ? 'ok   ' : 'WRONG'}  ${line.check.padEnd(8)}  ${line.about}  ${line.message}${remedy}`;
}
