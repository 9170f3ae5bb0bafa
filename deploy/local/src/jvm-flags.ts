import { availableParallelism } from 'node:os';

/** With so few cores a server is done with most bursts before its optimised code is. */
const FEW_CORES = 4;

/**
 * Of the JVM's two compilers the quick one alone where cores are few: the other one takes them from everybody else. While a
 * million tasks start on two cores, the other one took 4.1 of Kafka's 9.8 s of processor time (by thread, one run).
 */
export function compilerFlags(cores = availableParallelism()): readonly string[] {
  return cores <= FEW_CORES ? ['-XX:TieredStopAtLevel=1'] : [];
}
