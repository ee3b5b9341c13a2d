import { performance } from "node:perf_hooks";
import { type Answer, pause, withTimeout } from "@scs/core/kit";
import type { SessionCommands } from "../commands/session-commands.js";
import { NotSent } from "../connection/connection.js";
import type { Connections } from "../connection/connections.js";
import { isLost, isTemporary, isWaiting, toStoreError } from "../connection/store-errors.js";
import type { Address, Cluster, Reply } from "../drivers/driver.js";
import { replyCode } from "../drivers/reply-error.js";
import { SLOTS } from "./key-slot.js";
import { ClusterNode } from "./node.js";

/** Minimum time between two requests for the map. */
const REFRESH_MS = 100;
/** Time limit of a node's answer, before the next node is asked for the map. */
const ANSWER_MS = 1_000;
/** Number of redirections before a pause. */
const REDIRECTIONS = 5;

/** Sends a call to the node that has its slot or, with `isAsking`, to the node that takes the slot over. */
export interface Route {
  /** Whether the call may be executed twice. */
  readonly isRepeatable: boolean;
  /** Time limit of the call, by `performance.now()`. */
  readonly deadline: number;
  send(node: ClusterNode, isAsking: boolean): Promise<Answer>;
}

/** Keeps the map of slots and nodes, and sends each call to the node that has its slot, also while slots move. */
export class Router {
  readonly #connections: Connections;
  readonly #cluster: Cluster;
  readonly #commands: SessionCommands;
  readonly #nodes: Map<string, ClusterNode> = new Map();
  #primaries: (ClusterNode | undefined)[] = [];
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #lastError: Error | undefined;
  #isClosed = false;

  constructor(connections: Connections, cluster: Cluster, commands: SessionCommands) {
    this.#connections = connections;
    this.#cluster = cluster;
    this.#commands = commands;
  }

  /** Sends a call; retries it if it was certainly not executed. Returns errors as `StoreError`s. */
  async send(slot: number, route: Route): Promise<Answer> {
    let asked: ClusterNode | undefined;
    for (let redirections = 0; ; ) {
      let error: Error;
      try {
        const node = asked ?? (await this.primaryOf(slot));
        if (asked !== undefined) await asked.ready();
        const answer = await route.send(node, asked !== undefined);
        if (!(answer instanceof Error)) return answer;
        error = answer;
      } catch (thrown) {
        error = thrown as Error;
      }
      asked = undefined;
      const code = replyCode(error);
      if (performance.now() >= route.deadline || this.#isClosed) return toStoreError(error);
      if (code === "MOVED" || code === "ASK") {
        const target = this.#nodeAt(this.#targetOf(error));
        if (code === "ASK") asked = target;
        else {
          this.#primaries[slot] = target;
          void this.refresh();
        }
        if (++redirections % REDIRECTIONS === 0) await pause(REFRESH_MS);
      } else if (isTemporary(error) || isWaiting(error)) {
        await pause(REFRESH_MS);
        await this.refresh();
      } else if (isLost(error) && route.isRepeatable) await this.refresh();
      else {
        if (isLost(error)) void this.refresh();
        return toStoreError(error);
      }
    }
  }

  /** Returns the node that has a slot. */
  async primaryOf(slot: number): Promise<ClusterNode> {
    const { unusableBecause } = this.#connections.driver;
    if (unusableBecause !== undefined) throw new NotSent(unusableBecause);
    let node = this.#primaries[slot];
    if (node === undefined) {
      await this.refresh();
      node = this.#primaries[slot];
    }
    if (node === undefined) {
      throw this.#primaries.length === 0 && this.#lastError !== undefined
        ? new NotSent(this.#lastError.message, { cause: this.#lastError })
        : new Error("CLUSTERDOWN no node serves the session's slot");
    }
    return node;
  }

  /** Returns the last of the consecutive slots from `first` on that are on one node. */
  lastOfRange(first: number): number {
    let last = first;
    while (last + 1 < SLOTS && this.#primaries[last + 1] === this.#primaries[first]) last++;
    return last;
  }

  /** Asks the nodes for the map, one after the other. Keeps the old map if none answers. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Returns the node that a MOVED or ASK error names. */
  nodeOf(error: Error): ClusterNode {
    return this.#nodeAt(this.#targetOf(error));
  }

  close(): void {
    this.#isClosed = true;
    this.#connections.close();
    for (const node of this.#nodes.values()) node.close();
    this.#nodes.clear();
    this.#primaries = [];
  }

  async #refresh(): Promise<void> {
    const restMs = this.#refreshedAt + REFRESH_MS - performance.now();
    if (restMs > 0) await pause(restMs);
    await withTimeout(
      this.#cluster.prepare(),
      this.#connections.timeoutMs,
      () => new NotSent("the app's client has not connected"),
    ).catch((error: Error) => {
      this.#lastError = error;
    });
    for (const node of this.#candidates()) {
      if (this.#isClosed || this.#connections.driver.unusableBecause !== undefined) break;
      try {
        const reply = await withTimeout(
          this.#askFor(node),
          ANSWER_MS,
          () => new Error("the node does not answer"),
        );
        if (reply instanceof Error) throw reply;
        this.#adopt(reply as Reply[], node);
        break;
      } catch (error) {
        this.#lastError = error as Error;
      }
    }
    this.#refreshedAt = performance.now();
  }

  async #askFor({ connection }: ClusterNode): Promise<Reply> {
    if (!connection.isReady) await connection.ready();
    return connection.send(["CLUSTER", "SLOTS"]);
  }

  /** Returns all known nodes; those that answer come first. */
  #candidates(): ClusterNode[] {
    const known = new Set(this.#nodes.values());
    try {
      for (const address of this.#cluster.seeds()) known.add(this.#nodeAt(address));
    } catch (error) {
      this.#lastError = error as Error; // the driver knows no nodes at the moment
    }
    const isWell = ({ connection }: ClusterNode): boolean => connection.isReady && !connection.isSilent;
    return [...known].sort((a, b) => Number(isWell(b)) - Number(isWell(a)));
  }

  /** Adopts the reply of CLUSTER SLOTS: ranges, each with its primary and its replicas. */
  #adopt(ranges: readonly Reply[], asked: ClusterNode): void {
    const primaries: (ClusterNode | undefined)[] = new Array(SLOTS);
    const inUse = new Set<ClusterNode>([asked]);
    for (const range of ranges) {
      const [first, last, [host, port]] = range as [number, number, [Reply, number]];
      const node = this.#nodeAt(this.#address(String(host ?? ""), port, asked.address));
      inUse.add(node);
      primaries.fill(node, first, last + 1);
    }
    if (inUse.size === 1 && ranges.length === 0) throw new Error("CLUSTERDOWN the node knows no slots");
    this.#primaries = primaries;
    for (const [name, node] of this.#nodes) {
      if (inUse.has(node)) continue;
      this.#nodes.delete(name);
      this.#connections.closeOne(node.connection, "another node serves the session's slot");
      node.close();
    }
  }

  #nodeAt(address: Address): ClusterNode {
    const name = `${address.host}:${address.port}`;
    let node = this.#nodes.get(name);
    if (node === undefined) {
      const { timeoutMs } = this.#connections;
      const connection = this.#connections.create(address, refreshWeakly(this));
      const isStillPrimary = async (asked: ClusterNode): Promise<boolean> => {
        await this.refresh();
        return this.#primaries.includes(asked);
      };
      node = new ClusterNode(address, connection, this.#commands, { timeoutMs, isStillPrimary });
      this.#nodes.set(name, node);
    }
    return node;
  }

  /** Parses the address in "MOVED slot host:port". */
  #targetOf(error: Error): Address {
    const [, , address = ""] = error.message.split(" ");
    const colon = address.lastIndexOf(":");
    return this.#address(address.slice(0, colon), Number(address.slice(colon + 1)));
  }

  /** Translates an address. An empty host means the host of the node that was asked. */
  #address(host: string, port: number, asked?: Address): Address {
    return this.#cluster.translate({
      host: host || (asked ?? this.#cluster.seeds()[0])?.host || "127.0.0.1",
      port,
    });
  }
}

/**
 * Creates a callback for sockets that refreshes the map and does not keep the router in memory: see Connections. Needs a
 * function of its own, because all closures of one function share the variables that any of them uses, `this` included.
 */
function refreshWeakly(router: Router): () => void {
  const weak = new WeakRef(router);
  return () => void weak.deref()?.refresh();
}
