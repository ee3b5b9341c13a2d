// The package has no types of its own. As far as the benchmark needs them.
declare module "session-file-store" {
  import type session from "express-session";

  interface Options {
    path: string;
    retries?: number;
    logFn: (message: string) => void;
  }
  export default function create(
    from: typeof session,
  ): new (
    options: Options,
  ) => session.Store & { options: object };
}
