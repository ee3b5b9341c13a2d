/** What the command tells a script by its exit code. */
export const ExitCode = {
  ok: 0,
  /** The store failed, or something that nobody expected. */
  failed: 1,
  /** The command makes no sense: an unknown option, a store that is not named. */
  usage: 2,
  /** There is no such session. */
  notFound: 3,
  /** The command ran, and what it looked at is not as it should be: `doctor`, the verification of `copy`. */
  notSound: 4,
  /** The user said no, or pressed Ctrl-C. */
  cancelled: 130,
} as const;

/** An error whose message is for the user, with the exit code that it leads to. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}
