type Done = (error?: unknown, result?: unknown) => void;

/** What session-file-store does beneath its store. */
export interface SessionFiles {
  default: {
    reap(options: object, done: Done): void;
    destroyIfExpired(token: string, options: object, done: Done): void;
  };
}

/** Its `reap` tells when the last session was looked at, while up to nine others are under way: waits for them, too. */
export function reapAll(files: SessionFiles["default"], options: object, done: Done): void {
  const original = files.destroyIfExpired;
  let underWay = 1;
  const end = (error?: unknown) => {
    if (--underWay > 0) return;
    files.destroyIfExpired = original;
    done(error);
  };
  files.destroyIfExpired = (token, given, ended) => {
    underWay++;
    original(token, given, (error) => {
      ended(error);
      end(error);
    });
  };
  files.reap(options, end);
}
