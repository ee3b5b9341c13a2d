import type { Callback } from "./contender.js";

/**
 * Makes `count` calls, `inFlight` of them at a time: when one has ended, its lane makes the next.
 *
 * @returns How many of them gave a result.
 */
export async function drivePromises(
  count: number,
  inFlight: number,
  call: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  let results = 0;
  const lane = async () => {
    while (next < count) if (isResult(await call(next++))) results++;
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return results;
}

/** The same with callbacks, which may come at once or later. */
export function driveCallbacks(
  count: number,
  inFlight: number,
  call: (index: number, callback: Callback) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let ended = 0;
    let results = 0;
    const lane = () => {
      let endedAtOnce = true;
      while (endedAtOnce && next < count) {
        // A lane that went on from within a callback that came at once would overflow the stack.
        let isCalling = true;
        endedAtOnce = false;
        call(next++, (error, result) => {
          if (error) return reject(error);
          if (isResult(result)) results++;
          if (++ended === count) resolve(results);
          else if (isCalling) endedAtOnce = true;
          else lane();
        });
        isCalling = false;
      }
    };
    for (let i = 0; i < inFlight; i++) lane();
  });
}

/** express-session and its stores give `null` or `undefined` for a session that is not there. */
function isResult(result: unknown): boolean {
  return result !== undefined && result !== null;
}
