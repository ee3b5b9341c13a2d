/** The exit codes of the command. */
export const ExitCode = {
  ok: 0,
  /** The store failed, or an unexpected error occurred. */
  failed: 1,
  /** The command is wrong: an unknown option, or no store. */
  usage: 2,
  /** There is no such session. */
  notFound: 3,
  /** The command found a problem: a finding of `doctor`, or a difference after `copy`. */
  notSound: 4,
  /** The user said no, or pressed Ctrl-C. */
  cancelled: 130,
} as const;

/** An error with a message for the user, and the exit code of the command. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}
