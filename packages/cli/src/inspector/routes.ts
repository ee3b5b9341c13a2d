import type { IncomingMessage, ServerResponse } from "node:http";
import type { Target } from "../stores/target.js";
import { RequestError } from "./request-error.js";
import type { Scanner } from "./scanner.js";
import { SORT_KEYS, type SortKey } from "./session-index.js";

const MAX_ROWS = 500;
const MAX_BODY_BYTES = 4_096;
/** Number of sessions of one owner that are ended in parallel. */
const CHUNK = 50;

/** Answers the requests of the page. */
export class Routes {
  readonly #target: Target;
  readonly #scanner: Scanner;

  constructor(target: Target, scanner: Scanner) {
    this.#target = target;
    this.#scanner = scanner;
  }

  /** Returns the answer, to be sent as JSON; `undefined` if there is no such route. */
  async answer(req: IncomingMessage, path: string, query: URLSearchParams): Promise<unknown> {
    switch (`${req.method} ${path}`) {
      case "GET summary":
        return this.#scanner.summary;
      case "GET sessions":
        return this.#rows(query);
      case "GET owners": {
        const [offset, limit] = pageOf(query);
        return this.#scanner.index.owners.top(searchOf(query), offset, limit);
      }
      case "GET session":
        return this.#session(query.get("handle") ?? "", query.get("values") === "1");
      case "POST scan":
        void this.#scanner.scan();
        return {};
      case "POST revoke":
        return this.#revoke(String((await bodyOf(req)).handle));
      case "POST revoke-all":
        return this.#revokeAll(String((await bodyOf(req)).owner));
      default:
        return undefined;
    }
  }

  /** Streams each change of the summary to the page. */
  streamSummary(res: ServerResponse): void {
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    const send = (): void => void res.write(`data: ${JSON.stringify(this.#scanner.summary)}\n\n`);
    send();
    res.once("close", this.#scanner.watch(send));
  }

  async #rows(query: URLSearchParams): Promise<unknown> {
    const [offset, limit] = pageOf(query);
    const search = searchOf(query);
    const owner = query.get("owner") ?? (await this.#ownerNamed(search));
    const isDescending = query.get("dir") === "desc";
    return this.#scanner.index.rows({
      ...{ sort: sortKey(query.get("sort")), isDescending, search, owner, offset, limit },
    });
  }

  /** Finds an owner by exact name. Works without the app's configuration, which leaves names unknown. */
  async #ownerNamed(name: string): Promise<string | undefined> {
    if (name === "" || this.#target.knowsOwners) return undefined;
    const [session] = await this.#target.sessions.list(name);
    return session?.handle.split(".")[0];
  }

  async #session(handle: string, withValues: boolean): Promise<unknown> {
    const found = await this.#target.sessions.inspect(handle, { values: withValues });
    if (found === undefined) throw new RequestError(404, "This session has ended.");
    return withValues ? { ...found, values: printed(found.values) } : found;
  }

  async #revoke(handle: string): Promise<{ revoked: number }> {
    const isEnded = await this.#target.sessions.revoke(handle);
    this.#scanner.remove([handle]);
    return { revoked: isEnded ? 1 : 0 };
  }

  async #revokeAll(hash: string): Promise<{ revoked: number }> {
    const { sessions } = this.#target;
    const { index } = this.#scanner;
    const handles = index.handlesOf(hash);
    const name = index.owners.nameOf(index.owners.numberOf(hash) ?? 0);
    let revoked = name === undefined ? 0 : await sessions.revokeAll(name);
    // Also ends each session by its handle: without the app's configuration, the owner's name is unknown.
    for (let at = 0; at < handles.length; at += CHUNK) {
      const ended = await Promise.all(handles.slice(at, at + CHUNK).map((handle) => sessions.revoke(handle)));
      revoked += ended.filter(Boolean).length;
    }
    this.#scanner.remove(handles);
    return { revoked };
  }
}

function searchOf(query: URLSearchParams): string {
  return (query.get("q") ?? "").trim();
}

function pageOf(query: URLSearchParams): [offset: number, limit: number] {
  const [offset, limit] = [Number(query.get("offset") ?? 0), Number(query.get("limit") ?? 100)];
  if (![offset, limit].every((value) => Number.isSafeInteger(value) && value >= 0)) {
    throw new RequestError(400, "offset and limit are whole numbers");
  }
  return [offset, Math.min(limit, MAX_ROWS)];
}

function sortKey(text: string | null): SortKey {
  const key = SORT_KEYS.find((each) => each === (text ?? "lastSeen"));
  if (key === undefined) throw new RequestError(400, `sort is one of ${SORT_KEYS.join(", ")}`);
  return key;
}

/** Formats values as JSON, and represents types that JSON does not have. */
function printed(values: unknown): string {
  const plain = (_: string, value: unknown): unknown => {
    if (typeof value === "bigint") return `${value}n`;
    return value instanceof Map || value instanceof Set ? [...value] : value;
  };
  return JSON.stringify(values, plain, 2);
}

async function bodyOf(req: IncomingMessage): Promise<Record<string, unknown>> {
  if (req.headers["content-type"] !== "application/json") throw new RequestError(415, "JSON is expected");
  let text = "";
  for await (const chunk of req) {
    text += chunk;
    if (text.length > MAX_BODY_BYTES) throw new RequestError(413, "the body is too long");
  }
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw new RequestError(400, "JSON is expected");
  }
}
