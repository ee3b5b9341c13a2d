import { spawnSync } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { makeStore } from "../scripts/new-store.js";
import { ConsumerProject } from "./consumer-project.js";

const project = new ConsumerProject(inject("consumerFolder"));
const root = fileURLToPath(new URL("..", import.meta.url));

beforeAll(async () => {
  await copyFile(join(root, "tsconfig.base.json"), join(project.folder, "tsconfig.base.json"));
});

describe.each([
  ["a store over a Map", "mapstore", false],
  ["a store on a server", "farstore", true],
])("npm run new-store: %s", (_what, name, server) => {
  let folder: string;

  beforeAll(async () => {
    folder = makeStore(name, { server, root: project.folder });
    await project.tool("typescript:tsc", "-p", folder);
  });

  it("passes its tests at once", async () => {
    const report = await project.tool(
      "vitest",
      "run",
      "--root",
      folder,
      "--test-timeout",
      "60000",
      "--reporter",
      "json",
    );
    const { success, numPassedTests } = JSON.parse(report);
    expect(success).toBe(true);
    expect(numPassedTests).toBeGreaterThan(100);
  });

  it("has a README whose example compiles and runs as it stands", async () => {
    const text = await readFile(join(folder, "README.md"), "utf8");
    const [, example = ""] = /^```ts\n(.*?)^```$/ms.exec(text) ?? [];
    const file = await project.write(join("packages", name, "example.mts"), example);
    await project.compile([file]);
    expect(await project.run(file.replace(/mts$/, "mjs"))).toBe("one\n");
  });

  it("is created once, and only with a valid name", () => {
    expect(() => makeStore(name, { root: project.folder })).toThrow(`there is a package ${name}`);
    expect(() => makeStore("../elsewhere", { root: project.folder })).toThrow(TypeError);
  });
});

describe("npm run new-store prints only", () => {
  const usage = "npm run new-store NAME\nnpm run new-store NAME -- --server\n";

  it.each([
    ["the usage, for --help", "--help", 0, usage, ""],
    [
      "the rule for names, for an invalid one",
      "Foo",
      1,
      "",
      'NAME must be in lower case, such as mongostore; got "Foo"\n',
    ],
    ["that there is such a package", "memstore", 1, "", "there is a package memstore\n"],
  ])("%s", (_what, argument, status, stdout, stderr) => {
    const script = join(root, "scripts/new-store.js");
    const outcome = spawnSync(process.execPath, [script, argument], { encoding: "utf8" });
    expect(outcome).toMatchObject({ status, stdout, stderr });
  });
});
