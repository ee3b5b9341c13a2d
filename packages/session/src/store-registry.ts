import type { Store } from "@scs/core";

/** Opens a store according to `params`. */
export type StoreProvider<P, S extends Store = Store> = (params: P) => S | Promise<S>;

/**
 * Opens stores by name, for apps that choose one by configuration. Imports register nothing; the app does:
 *
 *     const stores = new StoreRegistry()
 *       .register("memory", (params: { maxSessions: number }) => new MemStore(params));
 *     const store = await stores.open("memory", { maxSessions: 1000 });
 */
export class StoreRegistry<M extends object = object> {
  readonly #providers: Map<string, StoreProvider<never>> = new Map();

  /** Registers a store. @throws TypeError if the name is taken or empty, or `provide` is not a function. */
  register<N extends string, P = undefined, S extends Store = Store>(
    name: N,
    provide: StoreProvider<P, S>,
  ): StoreRegistry<M & Record<N, StoreProvider<P, S>>> {
    if (typeof name !== "string" || name === "") throw new TypeError("a provider needs a name");
    if (typeof provide !== "function") throw new TypeError(`the provider "${name}" is not a function`);
    if (this.#providers.has(name)) throw new TypeError(`there is already a provider "${name}"`);
    this.#providers.set(name, provide as StoreProvider<never>);
    return this as never;
  }

  /** The registered names, in alphabetical order. */
  providerNames(): (keyof M & string)[] {
    return [...this.#providers.keys()].sort() as (keyof M & string)[];
  }

  /**
   * Opens the store of that name.
   *
   * @throws RangeError for an unknown name; the message lists the registered ones. Errors of the provider pass unchanged.
   */
  async open<N extends keyof M & string>(
    name: N,
    ...params: M[N] extends StoreProvider<infer P>
      ? undefined extends P
        ? [params?: P]
        : [params: P]
      : never
  ): Promise<M[N] extends StoreProvider<never, infer S> ? S : never> {
    const provide = this.#providers.get(name);
    if (provide === undefined) {
      const names = this.providerNames().join(", ") || "none";
      throw new RangeError(`there is no provider ${JSON.stringify(name)}; registered: ${names}`);
    }
    return (await provide(params[0] as never)) as never;
  }
}
