/** The only source of chance in the control loop, so that a simulation can seed it. Never used inside a decision. */
export interface Random {
  /** At least 0, less than 1. */
  fraction(): number;
  /** A fresh name that nobody else draws: 128 bits, hex. */
  id(): string;
}
