import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  type Asked,
  attempt,
  flagsOf,
  heard,
  type Log,
  observe,
  type Script,
  stacks,
} from "./fixtures/comparison.js";

const large = "0123456789abcdef".repeat(65_536);

interface Case extends Asked {
  name: string;
  script: Script;
  /** Stacks without this behaviour. */
  except?: string[];
  /** Whether the app does not answer, so that nothing waits for the session. */
  isSilent?: boolean;
  /** Whether events may come in another order. */
  isUnordered?: boolean;
}

const ended =
  (act: (res: ServerResponse, log: Log) => unknown): Script =>
  async (res, log) => {
    res.setHeader("X-First", "1");
    res.end("body", heard(log, "end"));
    log(flagsOf(res));
    const acted = act(res, log);
    log(flagsOf(res));
    await acted;
  };

const cases: Case[] = [
  { name: "nothing but end", script: ended(() => undefined) },
  { name: "end without a body", script: (res, log) => attempt(log, "end", () => res.end(heard(log, "cb"))) },
  { name: "HEAD", method: "HEAD", script: ended(() => undefined) },
  { name: "a second end", script: ended((res, log) => attempt(log, "end", () => res.end())) },
  {
    name: "a second end with a callback",
    script: ended((res, log) => attempt(log, "end", () => res.end(heard(log, "second")))),
  },
  {
    name: "a second end with a body",
    script: ended((res, log) => attempt(log, "end", () => res.end("more", heard(log, "second")))),
  },
  {
    name: "a guarded second end",
    script: ended((res) => (res.writableEnded || res.finished ? undefined : res.end("x"))),
  },
  {
    name: "a write after end",
    script: ended((res, log) => attempt(log, "write", () => res.write("more", heard(log, "write")))),
  },
  {
    name: "a status after end",
    script: ended((res) => {
      res.statusCode = 500;
    }),
  },
  {
    name: "headers after end",
    script: ended((res, log) => {
      attempt(log, "set", () => res.setHeader("X-Late", "1"));
      attempt(log, "append", () => res.appendHeader("X-Late", "1"));
      attempt(log, "remove", () => res.removeHeader("X-First"));
      attempt(log, "get", () => res.getHeader("x-first"));
      attempt(log, "has", () => res.hasHeader("x-late"));
      attempt(log, "writeHead", () => res.writeHead(500));
      attempt(log, "flushHeaders", () => res.flushHeaders());
    }),
  },
  { name: "destroy after end", script: ended((res, log) => attempt(log, "destroy", () => res.destroy())) },
  {
    name: "destroy of the socket after end",
    script: ended((res, log) => attempt(log, "destroy", () => res.socket?.destroy())),
    except: ["node:http2"],
  },
  {
    name: "end of the socket after end",
    script: ended((res, log) => attempt(log, "end", () => res.socket?.end())),
    except: ["node:http2"],
  },
  {
    name: "streaming",
    script: async (res, log) => {
      attempt(log, "write", () => res.write("one ", heard(log, "one")));
      log(flagsOf(res));
      await setImmediate();
      attempt(log, "write", () => res.write("two ", "latin1", heard(log, "two")));
      log(flagsOf(res));
      await setImmediate();
      res.end("three", heard(log, "three"));
      log(flagsOf(res));
    },
  },
  {
    name: "streaming with a length",
    script: async (res, log) => {
      res.writeHead(200, { "Content-Length": 8 });
      log(flagsOf(res));
      attempt(log, "write", () => res.write("one "));
      await setImmediate();
      attempt(log, "write", () => res.write("two "));
      await setImmediate();
      res.end(heard(log, "end"));
      log(flagsOf(res));
    },
  },
  {
    name: "a length that is not kept",
    script: (res, log) => {
      res.strictContentLength = true;
      res.setHeader("Content-Length", 5);
      attempt(log, "end", () => res.end("body"));
      log(flagsOf(res));
      res.destroy();
    },
    except: ["node:http2"],
  },
  {
    name: "invalid chunks",
    script: (res, log) => {
      attempt(log, "write", () => res.write({} as string));
      attempt(log, "write", () => res.write(null as unknown as string));
      attempt(log, "end", () => res.end(123 as unknown as string));
      attempt(log, "end", () => res.end({} as string));
      log(flagsOf(res));
      if (!res.writableEnded) res.end("body");
    },
    except: ["node:http2"],
  },
  {
    name: "an invalid status message",
    script: (res, log) => {
      res.statusMessage = "\u0100";
      attempt(log, "end", () => res.end("body"));
      res.statusMessage = "Fine";
      res.end("body");
    },
    except: ["node:http2"],
  },
  ...[201, 204, 205, 304, 404].map((status) => ({
    name: `status ${status}`,
    script: ((res, log) => {
      res.statusCode = status;
      attempt(log, "write", () => res.write("one", heard(log, "write")));
      res.end(heard(log, "end"));
      log(flagsOf(res));
    }) satisfies Script,
  })),
  ...[99, 1000, "none", 101].map((status) => ({
    name: `status ${status}`,
    script: ((res, log) => {
      attempt(log, "writeHead", () => res.writeHead(status as number));
      log(flagsOf(res));
      attempt(log, "end", () => res.end("body"));
      log(flagsOf(res));
      if (!res.writableEnded) res.destroy();
    }) satisfies Script,
  })),
  {
    name: "HEAD with writes",
    method: "HEAD",
    script: (res, log) => {
      attempt(log, "write", () => res.write("one", heard(log, "write")));
      log(flagsOf(res));
      attempt(log, "end", () => res.end("two", heard(log, "end")));
      log(flagsOf(res));
    },
  },
  {
    name: "flushHeaders",
    script: async (res, log) => {
      res.flushHeaders();
      log(flagsOf(res));
      attempt(log, "set", () => res.setHeader("X-Late", "1"));
      await setImmediate();
      res.end("body");
    },
  },
  {
    name: "writeHead twice",
    script: (res, log) => {
      attempt(log, "first", () => res.writeHead(201, { "X-First": "1" }));
      log(flagsOf(res));
      attempt(log, "second", () => res.writeHead(202));
      res.end("body");
    },
  },
  {
    name: "raw headers",
    script: (res) => void res.writeHead(200, ["X-Other", "x", "X-Other", "y"]).end("body"),
  },
  {
    name: "raw headers beside others",
    script: (res) => {
      res.setHeader("X-First", "1");
      res.setHeader("X-Other", "old");
      res.writeHead(200, ["X-Other", "x", "X-Other", "y"]).end("body");
    },
  },
  {
    name: "headers that node refuses",
    script: (res, log) => {
      attempt(log, "set", () => res.setHeader("X Bad", "a"));
      attempt(log, "writeHead", () => res.writeHead(200, { "X-Bad": "a\r\nb" }));
      log(flagsOf(res));
      if (!res.headersSent) res.removeHeader("X-Bad");
      res.end("body");
    },
    except: ["node:http2"],
  },
  {
    name: "headers that HTTP/2 refuses",
    script: (res, log) => {
      attempt(log, "writeHead", () => res.writeHead(200, { "Transfer-Encoding": "chunked" }));
      log(flagsOf(res));
      if (!res.headersSent) res.removeHeader("Transfer-Encoding");
      attempt(log, "end", () => res.end("body"));
      log(flagsOf(res));
    },
  },
  {
    name: "trailers",
    script: (res) => {
      res.writeHead(200, { Trailer: "X-Sum" }).write("body");
      res.addTrailers({ "X-Sum": "1" });
      res.end();
    },
  },
  {
    name: "cork and uncork",
    script: async (res, log) => {
      res.cork();
      res.write("one ");
      res.write("two ");
      log(flagsOf(res));
      await setImmediate();
      res.uncork();
      log(flagsOf(res));
      await setImmediate();
      res.cork();
      res.end("three");
      log(flagsOf(res));
    },
  },
  {
    name: "information before the answer",
    script: (res, log) => {
      res.writeContinue(heard(log, "continue"));
      res.writeEarlyHints({ link: "</style.css>; rel=preload" }, () => log.told("hints"));
      log(flagsOf(res));
      res.end("body");
    },
    except: ["node:http2"], // whose client counts earlier bytes
  },
  {
    name: "a large body",
    script: (res, log) => attempt(log, "end", () => res.end(large, heard(log, "end"))),
  },
  {
    name: "large writes, as they drain",
    script: async (res, log) => {
      for (let count = 0; count < 4; count++) {
        const goesOn = res.write(large, heard(log, "write"));
        log(goesOn, flagsOf(res));
        if (!goesOn) await once(res, "drain");
      }
      res.end(heard(log, "end"));
    },
  },
  {
    name: "a stream that is piped",
    script: async (res) => {
      await pipeline(Readable.from(["one ", "two ", "three"]), res);
    },
  },
  {
    name: "a large stream that is piped",
    script: (res, log) =>
      once(Readable.from([large, large, large]).pipe(res), "finish").then(() => log("finished")),
  },
  {
    name: "a stream that fails before its first byte",
    isSilent: true,
    script: async (res, log) => {
      const source = new Readable({ read: () => void source.destroy(new Error("broken")) });
      await pipeline(source, res).catch((error: Error) => log(error.message));
      log(flagsOf(res));
    },
  },
  {
    name: "a stream that fails later",
    script: async (res, log) => {
      async function* chunks() {
        yield "one ";
        await setImmediate();
        throw new Error("broken");
      }
      await pipeline(Readable.from(chunks()), res).catch((error: Error) => log(error.message));
      log(res.writableEnded, res.destroyed);
    },
  },
  {
    name: "what cannot be read",
    script: (res, log) => {
      attempt(log, "pipe", () => res.pipe(res));
      res.end("body");
    },
    except: ["node:http2"],
  },
  {
    name: "destroy before an answer",
    script: (res, log) => {
      attempt(log, "destroy", () => res.destroy());
      log(flagsOf(res));
      attempt(log, "write", () => res.write("body", heard(log, "write")));
      attempt(log, "end", () => res.end("body"));
      log(flagsOf(res));
    },
  },
  {
    name: "destroy amid an answer",
    script: async (res, log) => {
      res.write("one ");
      await setImmediate();
      attempt(log, "destroy", () => res.destroy(new Error("broken")));
      log(flagsOf(res));
      attempt(log, "write", () => res.write("two", heard(log, "write")));
    },
  },
  {
    name: "an error after the answer",
    script: (res) => {
      res.end("body");
      throw new Error("too late");
    },
  },
  {
    name: "an error before the answer",
    script: (res) => {
      res.setHeader("X-First", "1");
      if (res.req.httpVersionMajor === 2 || res.req.url === undefined) return res.end();
      res.on("newListener", () => undefined);
      throw new Error("broken");
    },
    except: ["node:http", "node:http2", "Fastify", "Koa"], // where these handlers leave the client waiting
  },
  {
    name: "a client that leaves after the answer",
    thenClient: "leaves",
    isUnordered: true,
    script: (res) => void res.end("body"),
  },
  {
    name: "a client that sends no more",
    thenClient: "sends no more",
    isUnordered: true,
    script: (res) => void res.end("body"),
    except: ["node:http2"],
  },
  { name: "requests at once on one connection", pipelined: 3, script: ended(() => undefined) },
  {
    name: "requests at once, the first of which takes long",
    pipelined: 3,
    script: async (res, log, req) => {
      if (req.url === "/1") for (let turn = 0; turn < 5; turn++) await setImmediate();
      res.write(`${req.url} `);
      res.end("body", heard(log, `end of ${req.url}`));
    },
  },
];

describe.each(stacks)("under %s, a held response behaves as without sessions:", (stack) => {
  const own = cases.filter(({ except = [] }) => !except.includes(stack));
  it.each(own)("$name", async ({ script, isSilent, isUnordered, ...asked }) => {
    const plain = await observe(stack, script, "none", asked);
    for (const save of ["fast", "slow"] as const) {
      const held = await observe(stack, script, save, asked);
      for (const { events } of isUnordered ? [plain, held] : []) events.sort();
      const hasCookie = plain.client !== "" && !plain.client.startsWith("\n");
      const stored = isSilent ? held.stored : (asked.pipelined ?? 1);
      expect({ save, ...held }).toEqual({ save, ...plain, hasCookie, stored });
    }
  });
});

const pages = {
  1: /^HTTP\/1\.1 500 Internal Server Error\r\n(?!.*^set-cookie)/ims,
  2: /^:status: 500\n(?!.*^set-cookie)/ims,
};

describe.each(stacks)("under %s, a failed save becomes a 500:", (stack) => {
  const own = cases.filter(({ except = [], isSilent, thenClient }) => {
    return !except.includes(stack) && !isSilent && thenClient !== "leaves";
  });
  it.each(own)("$name", async ({ script, isUnordered: _, ...asked }) => {
    const plain = await observe(stack, script, "none", asked);
    for (const save of ["failing", "failing slowly"] as const) {
      const failed = await observe(stack, script, save, asked);
      const isAnswered = plain.client !== "" && !plain.client.startsWith("\n");
      const count = asked.pipelined ?? 1;
      const received = failed.client.replace(/\n\[ERR_HTTP2_STREAM_ERROR\]$/, ""); // caused by the app
      expect({ save, ...failed }).toMatchObject({
        reported: Array(count).fill("away"),
        hasCookie: false,
        stored: 0,
      });
      if (!isAnswered) continue;
      const bodies = received.match(/^(:status: |HTTP\/1.1 )500/gm);
      expect(bodies, received).toHaveLength(count);
      expect(received).toMatch(pages[stack === "node:http2" ? 2 : 1]);
      expect(received.endsWith("\nInternal Server Error\n"), received).toBe(asked.method !== "HEAD");
      expect(received).not.toMatch(/(one|two|three|body)/);
    }
  });
});
