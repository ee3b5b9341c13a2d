import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { FileStore } from "@scs/filestore";
import { MemStore } from "@scs/memstore";
import { describe, expect, it, vi } from "vitest";
import { exportTo } from "../src/commands/transfer.js";
import { Output } from "../src/output.js";
import { openUrl } from "../src/stores/open-url.js";
import type { Target } from "../src/stores/target.js";
import { Folder, scs, shopIn } from "./fixtures/command.js";

const bin = fileURLToPath(new URL("../dist/bin.js", import.meta.url));
const config = fileURLToPath(new URL("fixtures/app-sessions.js", import.meta.url));
const HOUR_MS = 3_600_000;

describe("a store by URL", () => {
  it("stats counts sessions, owners and other records, as text and as JSON", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada", "ada", "grace"]);
    await shopIn(folder, ["ada"], "blog");
    await using store = new FileStore(folder.in("sessions"), { cleanupIntervalMs: 0 });
    await store.commit("a-token-of-another-program", Buffer.from("x"), new Date(Date.now() + HOUR_MS));
    const { code, out } = await scs("stats", "--store", url, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ sessions: 4, others: 1, otherBytes: 1 },
      namespaces: [
        { namespace: "", sessions: 3, lists: 2 },
        { namespace: "blog", sessions: 1, lists: 1 },
      ],
    });
    const text = (await scs("stats", "--store", url)).out;
    expect(text).toContain("4 sessions");
    expect(text).toContain("1 records of other programs");
    expect(text).not.toContain("a-token-of-another-program");
  });

  it("list, show, revoke and revoke-all take handles and owners, and print no secret", async () => {
    using folder = new Folder();
    const { url, tokens } = await shopIn(folder, ["ada", "ada", "grace"]);
    const listed = (await scs("list", "--owner", "ada", "--store", url, "--json")).out.trim().split("\n");
    const [first, second] = listed.map((line) => JSON.parse(line) as { handle: string; owner: string });
    expect(listed).toHaveLength(2);
    expect(first?.owner).toBe("ada");
    const handle = String(first?.handle);
    const shown = await scs("show", handle, "--store", url);
    expect(shown.out).toContain(handle);
    expect(shown.out, "values on request only").not.toContain("tulips");
    expect((await scs("show", handle, "--values", "--store", url)).out).toContain("tulips");
    const all = [shown.out, (await scs("list", "--store", url)).out, ...listed].join("\n");
    for (const token of tokens) expect(all).not.toContain(token.split(".")[1]);
    expect(await scs("revoke", handle, "--store", url, "--yes")).toMatchObject({
      code: 0,
      out: "1 of 1 ended\n",
    });
    expect((await scs("show", handle, "--store", url)).code, "no such session").toBe(3);
    expect((await scs("revoke", handle, "--store", url, "--yes")).code).toBe(3);
    const rest = await scs("revoke-all", "--owner", "ada", "--store", url, "--yes", "--json");
    expect(JSON.parse(rest.out)).toEqual({ revoked: 1 });
    expect((await scs("show", String(second?.handle), "--store", url)).code).toBe(3);
    expect((await scs("revoke-all", "--owner", "nobody", "--store", url, "--yes")).code).toBe(3);
    expect((await scs("list", "--store", url)).out.match(/by hash/g), "grace's is left").toHaveLength(1);
  });

  it("list shows at most --limit sessions, as text and as JSON", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada", "ada", "grace"]);
    const text = (await scs("list", "--limit", "2", "--store", url)).out;
    expect(text.match(/by hash/g)).toHaveLength(2);
    expect(text).toContain("the first 2; --limit shows more");
    for (const owner of [[], ["--owner", "ada"]]) {
      const { code, out } = await scs("list", ...owner, "--limit", "1", "--store", url, "--json");
      expect([code, out.trim().split("\n").length], owner.join(" ")).toEqual([0, 1]);
    }
  });

  it("revoke-all spares the session of --except", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada", "ada", "ada"]);
    const [line] = (await scs("list", "--owner", "ada", "--store", url, "--json")).out.split("\n");
    const { handle } = JSON.parse(String(line)) as { handle: string };
    const spared = ["--except", handle, "--store", url, "-y", "--json"];
    const { out } = await scs("revoke-all", "--owner", "ada", ...spared);
    expect(JSON.parse(out)).toEqual({ revoked: 2 });
    expect((await scs("show", handle, "--store", url)).code).toBe(0);
  });

  it("revoke-all ends nothing if --except names no session of the owner", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada", "ada", "grace"]);
    const [line] = (await scs("list", "--owner", "grace", "--store", url, "--json")).out.split("\n");
    const { handle } = JSON.parse(String(line)) as { handle: string };
    for (const except of ["bogus", handle]) {
      const refused = await scs("revoke-all", "--owner", "ada", "--except", except, "--store", url, "--yes");
      expect(refused).toMatchObject({ code: 3, out: "", err: expect.stringContaining("nothing was ended") });
    }
    expect(JSON.parse((await scs("stats", "--store", url, "--json")).out).sessions).toBe(3);
  });

  it("accepts handles that begin with a hyphen, in any position", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    for (const handle of [`-${"a".repeat(42)}.${"b".repeat(22)}`, `-${"b".repeat(21)}`]) {
      expect(await scs("show", handle, "--store", url), "no option").toMatchObject({
        code: 3,
        err: expect.stringContaining("there is no such session"),
      });
      expect((await scs("revoke", "--yes", handle, "--store", url)).code).toBe(3);
    }
  });

  it("asks before a step that cannot be undone; without a terminal, --yes is required", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    const refused = await scs("revoke-all", "--owner", "ada", "--store", url);
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("--yes") });
    expect(JSON.parse((await scs("stats", "--store", url, "--json")).out).sessions).toBe(1);
  });

  it("has a name without passwords, wherever the URL contains one", async () => {
    const names = {
      "postgres://u:secret@h/db?table=t": "postgres://u@h/db?table=t",
      "postgres://u:secret@secret@h:5432/db": "postgres://u@h:5432/db",
      "postgres://u:secret%2Fsecret@h/db?host=a@b": "postgres://u@h/db?host=a@b",
      "postgresql://h/db?user=u&password=secret": "postgresql://h/db?user=u",
      "postgres://u@h/db?password=secret&SSLPassword=secret": "postgres://u@h/db",
      "postgres:///db?host=/tmp": "postgres:///db?host=/tmp",
    };
    for (const [url, name] of Object.entries(names)) {
      const target = await openUrl(url, { onError: () => undefined }); // connects at the first query
      await target.close();
      expect(target.name, url).toBe(name);
    }
  });

  it("is not created in a directory without a hybridstore, except by copy and import", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    mkdirSync(folder.in("empty"));
    const before = readdirSync(folder.in("sessions"));
    for (const name of ["sessions", "empty"]) {
      expect(await scs("stats", "--store", `hybrid:${folder.in(name)}`)).toMatchObject({
        ...{ code: 2, out: "", err: `scs: ${folder.in(name)} contains no hybridstore\n` },
      });
    }
    expect([readdirSync(folder.in("sessions")), readdirSync(folder.in("empty"))]).toEqual([before, []]);
    const hybrid = `hybrid:${folder.in("empty")}`;
    expect((await scs("copy", url, hybrid)).code).toBe(0);
    expect(JSON.parse((await scs("stats", "--store", hybrid, "--json")).out).sessions).toBe(1);
  });

  it("cleanup removes expired records", async () => {
    using folder = new Folder();
    const before = Date.now() - HOUR_MS;
    await using store = new FileStore(folder.in("sessions"), { cleanupIntervalMs: 0, now: () => before });
    for (const token of ["a", "b"]) await store.commit(token, Buffer.from("x"), new Date(before + 1000));
    const { out } = await scs("cleanup", "--store", `file:${folder.in("sessions")}`, "--json");
    expect(JSON.parse(out)).toEqual({ removed: 2 });
  });
});

describe("a Redis server that is down", () => {
  it.each(["ioredis", "redis"])("is reported by the client of %s, and can be closed", async (driver) => {
    using folder = new Folder();
    const redisstore = fileURLToPath(new URL("../../redisstore", import.meta.url));
    mkdirSync(folder.in("node_modules/@scs"), { recursive: true });
    symlinkSync(redisstore, folder.in("node_modules/@scs/redisstore"), "junction");
    symlinkSync(join(redisstore, "node_modules", driver), folder.in(`node_modules/${driver}`), "junction");
    const cwd = vi.spyOn(process, "cwd").mockReturnValue(folder.path);
    const printed = vi.spyOn(console, "error").mockImplementation(() => undefined);
    try {
      let onError = (_error: Error): void => undefined;
      const reported = new Promise<Error>((resolve) => {
        onError = resolve;
      });
      const target = await openUrl("redis://127.0.0.1:1", { onError });
      expect((await reported).message).toContain("ECONNREFUSED");
      await target.close();
      expect(printed.mock.calls).toEqual([]);
    } finally {
      cwd.mockRestore();
      printed.mockRestore();
    }
  });
});

describe("the app's configuration module", () => {
  it("provides the names of owners, and descriptions", async () => {
    using folder = new Folder();
    await shopIn(folder, ["ada"], "shop");
    vi.stubEnv("CLI_TEST_DIRECTORY", folder.in("sessions"));
    const { out } = await scs("list", "--config", config);
    vi.unstubAllEnvs();
    expect(out).toContain("ada's phone");
    expect(out).not.toContain("(by hash)");
  });

  it("may export a store, options, or a function; other exports are refused", async () => {
    using folder = new Folder();
    await shopIn(folder, ["ada"]);
    const filestore = new URL("../node_modules/@scs/filestore/dist/index.js", import.meta.url).href;
    const store = `new FileStore(${JSON.stringify(folder.in("sessions"))}, { cleanupIntervalMs: 0 })`;
    const modules = {
      "store.mjs": `export const store = ${store};`,
      "options.mjs": `export default { store: ${store}, owner: (data) => data.user };`,
      "function.mjs": `export default async () => ({ store: ${store} });`,
    };
    for (const [name, text] of Object.entries(modules)) {
      writeFileSync(folder.in(name), `import { FileStore } from "${filestore}";\n${text}`);
      const { code, out } = await scs("stats", "--config", folder.in(name), "--json");
      expect([code, JSON.parse(out).sessions], name).toEqual([0, 1]);
    }
    writeFileSync(folder.in("nothing.mjs"), "export const answer = 42;");
    const refused = await scs("stats", "--config", folder.in("nothing.mjs"));
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("export a SessionManager") });
  });
});

describe("a namespace", () => {
  it("is refused with --config, whose module has one itself", async () => {
    using folder = new Folder();
    await shopIn(folder, ["ada"], "shop");
    vi.stubEnv("CLI_TEST_DIRECTORY", folder.in("sessions"));
    const byOption = await scs("list", "--namespace", "blog", "--config", config);
    vi.stubEnv("SCS_CONFIG", config);
    const byVariable = await scs("list", "--namespace", "blog");
    vi.unstubAllEnvs();
    for (const refused of [byOption, byVariable]) {
      expect(refused).toMatchObject({ code: 2, out: "", err: expect.stringContaining("in the module") });
    }
  });
});

describe("export and import", () => {
  it("transfer every record to another store, by a file that only its owner can read", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada", "grace"]);
    const file = folder.in("sessions.ndjson");
    expect(await scs("export", file, "--store", url)).toMatchObject({ code: 0 });
    if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await scs("export", file, "--store", url)).err).toContain("is there already");
    const goal = ["--store", `hybrid:${folder.in("hybrid")}`, "--json"];
    expect(JSON.parse((await scs("import", file, ...goal)).out)).toEqual({
      ...{ imported: 4, present: 0, expired: 0 },
    });
    expect(JSON.parse((await scs("import", file, ...goal)).out)).toMatchObject({ present: 4 });
    const over = await scs("import", file, ...goal, "--overwrite", "--yes");
    expect(JSON.parse(over.out)).toMatchObject({ imported: 4 });
    const lines = readFileSync(file, "utf8").trim().split("\n");
    const again = (await scs("export", ...goal)).out.trim().split("\n");
    expect(again.sort()).toEqual(lines.sort());
  });

  it.skipIf(process.platform === "win32")("leave no partial file if a write fails", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada", "grace", "alan", "edsger"]);
    const file = folder.in("sessions.ndjson");
    const line = `ulimit -f 1; exec "${process.execPath}" "${bin}" export "${file}" --store "${url}"`;
    const failed = promisify(execFile)("sh", ["-c", line]);
    const stderr = expect.stringMatching(/^scs: .* cannot be written: EFBIG: file too large.*\n$/);
    await expect(failed).rejects.toMatchObject({ code: 1, stdout: "", stderr });
    expect(existsSync(file)).toBe(false);
  });

  it("leave no partial file if the store fails, and keep a file that was there", async () => {
    using folder = new Folder();
    const file = folder.in("sessions.ndjson");
    const store = new MemStore();
    const target = { store } as unknown as Target;
    store.entries = async function* () {
      yield { token: "t", data: Buffer.from("x"), expiry: new Date() };
      throw new Error("the store is gone");
    };
    await expect(exportTo(target, file, new Output(true))).rejects.toThrow("the store is gone");
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, "kept");
    await expect(exportTo(target, file, new Output(true))).rejects.toThrow("is there already");
    expect(readFileSync(file, "utf8")).toBe("kept");
  });

  it("report the number of an invalid line, and none of its text", async () => {
    using folder = new Folder();
    for (const bad of ["{ secret", "null", '{"token":"t","data":"","expiry":"never"}']) {
      writeFileSync(folder.in("bad.ndjson"), `\n${bad}\n`);
      const goal = ["--store", `file:${folder.in("goal")}`];
      const { code, err } = await scs("import", folder.in("bad.ndjson"), ...goal);
      expect([code, err]).toEqual([1, "scs: line 2 is not a record of an export\n"]);
    }
  });
});

describe("the command", () => {
  it("explains wrong usage with exit code 2, as JSON with --json", async () => {
    using folder = new Folder();
    const wrong: [string[], string][] = [
      [["frobnicate"], "unknown command"],
      [["stats"], "which store?"],
      [["stats", "--store", "ftp:x"], "a store is one of"],
      [["stats", "--store", "file:"], "a store is one of"],
      [["stats", "--store", `file:${folder.in("none")}`], "there is no"],
      [["stats", "--store", `sqlite:${folder.in("none.db")}`], "there is no"],
      [["stats", "--config", folder.in("none.js")], "there is no"],
      [["stats", "--store", "file:x", "--config", "y.js"], "choose one"],
      [["list", "--limit", "0", "--store", "file:x"], "a whole number"],
      [["show"], "missing required argument"],
      [["revoke-all"], "--owner"],
      [["stats", "--frob"], "unknown option"],
    ];
    for (const [args, message] of wrong) {
      const { code, err, out } = await scs(...args);
      expect([code, err, out], args.join(" ")).toEqual([2, expect.stringContaining(message), ""]);
    }
    const { err } = await scs("stats", "--json");
    expect(JSON.parse(err).error.message).toContain("which store?");
  });

  it("says how to write a password that breaks a URL, and does not print it", async () => {
    for (const url of ["postgres://u:p/word@h/db", "redis://:p/word@h/0", "postgres://u:p%word@h/db"]) {
      const { code, out, err } = await scs("stats", "--store", url);
      expect([code, out, err], url).toEqual([2, "", expect.stringContaining("percent-encode")]);
      expect(err).not.toContain("word@");
    }
  });

  it("refuses unknown parameters of a URL; on servers, only those like its own", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    const sqlite = `sqlite:${folder.in("s.db")}`;
    expect((await scs("copy", url, `${sqlite}?table=shop`)).code).toBe(0);
    const refused: [string, string][] = [
      [`${sqlite}?tabel=shop`, "unknown parameter tabel; known: table"],
      [`${url}?table=shop`, "unknown parameter table; known: none"],
      [`hybrid:${folder.path}?prefix=x`, "unknown parameter prefix"],
      [`bolt:${folder.path}?x`, "unknown parameter x"],
      ["postgres://h/db?tabel=shop", "unknown parameter tabel; known: schema, table"],
      ["postgres://h/db?Schema=app", "unknown parameter Schema"],
      ["postgres://h/db?prefix=x", "unknown parameter prefix"],
      ["redis://h/0?prefx=x", "unknown parameter prefx; known: prefix"],
    ];
    for (const [wrong, message] of refused) {
      const { code, err } = await scs("stats", "--store", wrong);
      expect([code, err], wrong).toEqual([2, expect.stringContaining(message)]);
    }
    const ofDriver = "postgres://h/db?schema=app&sslmode=disable&options=-c%20geqo=off&host=h&port=5432";
    await (await openUrl(ofDriver, { onError: () => undefined })).close();
  });

  it("documents the default prefix of Redis keys, because an empty one finds no session", async () => {
    const form = "redis://HOST:6379/0?prefix=scs:";
    expect((await scs("--help")).out).toContain(form);
    expect((await scs("stats", "--store", "ftp:x")).err).toContain(form);
    expect(readFileSync(new URL("../README.md", import.meta.url), "utf8")).toContain(form);
  });

  it("reports a failing store with its code, and exit code 1", async () => {
    using folder = new Folder();
    writeFileSync(folder.in("file"), "");
    const { code, err } = await scs("stats", "--store", `hybrid:${folder.in("file")}`, "--json");
    expect([code, JSON.parse(err).error.code]).toEqual([1, "UNAVAILABLE"]);
  });

  it("names a SQLite file that cannot be opened: a directory, a missing directory", async () => {
    using folder = new Folder();
    mkdirSync(folder.in("directory"));
    const unusable: [string, string[]][] = [
      [folder.in("directory"), ["stats"]],
      [folder.in("none/s.db"), ["import", "/dev/null"]],
    ];
    for (const [path, args] of unusable) {
      const { code, out, err } = await scs(...args, "--store", `sqlite:${path}`);
      expect([code, out, err]).toEqual([1, "", expect.stringMatching(/^scs: .*\n$/)]);
      expect(err).toContain(`${path} cannot be opened`);
      const asJson = await scs(...args, "--store", `sqlite:${path}`, "--json");
      expect([asJson.code, JSON.parse(asJson.err).error.code]).toEqual([1, "UNAVAILABLE"]);
    }
  });

  it("runs as a program: help, exit code, a pipe that is closed early", async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [bin, "--help"]);
    for (const name of [
      "stats",
      "list",
      "show",
      "revoke-all",
      "cleanup",
      "doctor",
      "copy",
      "export",
      "import",
    ]) {
      expect(stdout).toContain(name);
    }
    expect(stdout).toContain("Exit codes");
    await expect(run(process.execPath, [bin, "show"])).rejects.toMatchObject({ code: 2 });
    if (process.platform === "win32") return;
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    const line = `"${process.execPath}" "${bin}" stats --store "${url}" | true`;
    expect((await run("sh", ["-c", line])).stderr).toBe("");
  });
});
