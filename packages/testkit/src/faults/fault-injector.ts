/** A call that a store makes to its driver or to the file system. */
export interface DriverCall {
  name: string;
  /** Its number, from 0. */
  index: number;
  /** The arguments. May be changed, for example to write less. */
  args: unknown[];
}

/** Fails a call before its effect, after half of its effect, or after all of it, so that only the answer is lost. */
export interface Fault {
  moment: "before" | "halfway" | "after";
  error: Error;
}

/** Decides the fate of a call: `undefined` lets it pass, a fault fails it, and a promise delays it. */
export type Decide = (call: DriverCall) => Fault | Promise<void> | undefined;

/** Options of a wrapped driver. */
export interface WrapOptions {
  /** The methods that count as calls. @default all, except those of an `EventEmitter` */
  names?: readonly string[];
  /** Methods whose result is wrapped as well: a statement, a connection, a transaction. */
  handles?: readonly string[];
  /** `callback`: the last argument of each method is called with `(error, ...results)`. @default by the return value */
  style?: "callback";
  /** Functions that do half of a method's work, by name. */
  halfway?: Readonly<Record<string, Halfway>>;
  /** Functions that free a result withheld by a fault, by name: for example, return a connection to its pool. */
  discard?: Readonly<Record<string, (result: unknown) => void>>;
}

/** Does half of the work of `call` with `args`. */
export type Halfway = (call: (...args: unknown[]) => unknown, args: unknown[]) => unknown;

/** Options of a guarded function. */
export interface GuardOptions {
  /** How the function returns its result. @default by the return value */
  style?: "callback" | "promise" | "sync";
  /** Does half of the function's work. */
  halfway?: Halfway | undefined;
  /** Called after each call that had an effect. Returns the result for the caller. */
  onResult?: (args: unknown[], result: unknown) => unknown;
  /** Frees a result that a fault withholds from the caller. */
  discard?: (result: unknown) => void;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** Methods of an `EventEmitter`, which do not count as calls. */
const QUIET: ReadonlySet<string> = new Set([
  "constructor",
  "on",
  "once",
  "off",
  "emit",
  "addListener",
  "removeListener",
  "removeAllListeners",
  "prependListener",
  "listenerCount",
  "listeners",
  "setMaxListeners",
  "then",
]);

/** Counts the calls of a store to its driver or file system, and fails those selected by {@link decide}. */
export class FaultInjector {
  /** Decides the fate of each call. @default lets all pass */
  decide: Decide = () => undefined;
  /** Names of the calls so far. */
  calls: string[] = [];
  /** Whether a function returns promises, by name, for those called so far. */
  readonly #returnsPromise: Map<string, boolean> = new Map();

  /** Runs `work` with its own count and `decide`. Returns its outcome. */
  async during<T>(decide: Decide, work: () => Promise<T>): Promise<PromiseSettledResult<T>> {
    this.calls = [];
    this.decide = decide;
    const [outcome] = await Promise.allSettled([work()]);
    this.decide = () => undefined;
    return outcome as PromiseSettledResult<T>;
  }

  /** Wraps an object of functions: a driver's handle, or a table of the calls that a store makes. */
  wrap<T extends object>(target: T, options: WrapOptions = {}): T {
    const { names, handles = [], style, halfway = {}, discard = {} } = options;
    const guarded = new Map<PropertyKey, AnyFunction>();
    const wrapped: T = new Proxy(target, {
      get: (_, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        const known = guarded.get(key);
        if (known) return known;
        const method = value as AnyFunction;
        const isCall = typeof key === "string" && (names ? names.includes(key) : !QUIET.has(key));
        const isHandle = typeof key === "string" && handles.includes(key);
        const asHandle = (result: unknown): unknown => {
          if (result === target) return wrapped; // a chainable method
          return isHandle && typeof result === "object" && result !== null
            ? this.wrap(result, options)
            : result;
        };
        const made = method.bind(target);
        const guard: AnyFunction = isCall
          ? this.guard(key, made, {
              ...(style && { style }),
              halfway: halfway[key],
              ...(discard[key] && { discard: discard[key] }),
              onResult: (_args, result) => asHandle(result),
            })
          : (...args) => asHandle(made(...args));
        guarded.set(key, guard);
        return guard;
      },
    });
    return wrapped;
  }

  /** Returns `original` as a function that counts as a call of this name. */
  guard(
    name: string,
    original: (...args: unknown[]) => unknown,
    options: GuardOptions = {},
  ): (...args: unknown[]) => unknown {
    const { style, halfway } = options;
    const { onResult = (_args, result) => result, discard } = options;
    return (...args) => {
      const decision = this.decide({ name, index: this.calls.push(name) - 1, args });
      if (style === "callback") return callBack(original, args, decision, { halfway, onResult, discard });
      if (decision instanceof Promise) return decision.then(() => original(...args));
      const returnsPromise = style ? style === "promise" : (this.#returnsPromise.get(name) ?? false);
      if (decision?.moment === "before") return fail(decision.error, returnsPromise);
      const isHalf = decision?.moment === "halfway" && halfway !== undefined;
      const result = isHalf ? halfway(original, args) : original(...args);
      const isPromise = result instanceof Promise;
      this.#returnsPromise.set(name, isPromise);
      if (isPromise) {
        return result.then((value: unknown) => {
          const given = isHalf ? value : onResult(args, value);
          if (!decision) return given;
          discard?.(given);
          throw decision.error;
        });
      }
      const given = isHalf ? result : onResult(args, result);
      if (!decision) return given;
      discard?.(given);
      return fail(decision.error, false);
    };
  }
}

function fail(error: Error, asPromise: boolean): Promise<never> {
  if (asPromise) return Promise.reject(error);
  throw error;
}

/** Makes a call whose last argument is a callback, as decided. */
function callBack(
  original: AnyFunction,
  given: unknown[],
  decision: ReturnType<Decide>,
  {
    halfway,
    onResult,
    discard,
  }: Pick<GuardOptions, "halfway"> &
    Required<Pick<GuardOptions, "onResult">> & { discard: GuardOptions["discard"] | undefined },
): unknown {
  const callback = given.at(-1);
  if (typeof callback !== "function") return original(...given); // the caller does not wait for its outcome
  const args = given.slice(0, -1);
  const tell = callback as (this: unknown, error: Error | null, ...results: unknown[]) => void;
  const isHalf = !(decision instanceof Promise) && decision?.moment === "halfway" && halfway !== undefined;
  function settle(this: unknown, error: Error | null, ...results: unknown[]): void {
    if (!error && !isHalf) results[0] = onResult(args, results[0]);
    const fault = decision instanceof Promise ? undefined : decision;
    if (fault && !error) discard?.(results[0]);
    if (fault) tell.call(this, fault.error);
    else tell.call(this, error, ...results);
  }
  if (decision instanceof Promise) return void decision.then(() => original(...args, settle));
  if (decision?.moment === "before") return void setImmediate(tell, decision.error);
  const returned = isHalf ? halfway(original, [...args, settle]) : original(...args, settle);
  return returned === undefined ? undefined : onResult(args, returned); // the handle itself, or its statement
}
