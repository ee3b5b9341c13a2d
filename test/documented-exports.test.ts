import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript-6.0";
import { expect, it } from "vitest";
import { packageNames } from "../scripts/manifests.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Returns the source files of a package's `exports`. */
function entriesOf(name: string): string[] {
  const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
  return Object.values(manifest.exports as Record<string, string | { types?: string }>).flatMap((entry) => {
    const types = typeof entry === "string" ? undefined : entry.types;
    return types === undefined
      ? []
      : [join(root, "packages", name, types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"))];
  });
}

const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) &&
  ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;

/** Returns the names declared by a statement. */
function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.DeclarationStatement;
  return name === undefined ? [] : [name.getText()];
}

/** Lists the exports of a file without a docstring, limited to those in `wanted` if given. */
function undocumentedIn(file: string, wanted?: ReadonlySet<string>): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2023, true);
  const documented = new Set<string>();
  const declared = new Set<string>();
  const found: string[] = [];
  const follow = (target: ts.Expression, names?: ReadonlySet<string>): void => {
    const path = (target as ts.StringLiteral).text;
    if (path.startsWith("."))
      found.push(...undocumentedIn(join(dirname(file), path.replace(/\.js$/, ".ts")), names));
  };
  /** Imported names and modules, by local name. */
  const imported = new Map<string, { from: ts.Expression; name: string }>();
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const bindings = statement.importClause?.namedBindings;
      if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
      for (const { name, propertyName } of bindings.elements)
        imported.set(name.text, { from: statement.moduleSpecifier, name: (propertyName ?? name).text });
      continue;
    }
    for (const name of namesOf(statement)) {
      if (wanted === undefined ? !isExported(statement) : !wanted.has(name)) continue;
      declared.add(name);
      if (ts.getJSDocCommentsAndTags(statement).length > 0) documented.add(name);
    }
  }
  for (const statement of source.statements) {
    if (!ts.isExportDeclaration(statement)) continue;
    const { exportClause, moduleSpecifier } = statement;
    if (exportClause === undefined && moduleSpecifier !== undefined) follow(moduleSpecifier, wanted);
    if (exportClause === undefined || !ts.isNamedExports(exportClause)) continue;
    for (const { name, propertyName } of exportClause.elements) {
      const local = (propertyName ?? name).text;
      if (wanted !== undefined && !wanted.has(name.text)) continue;
      const origin =
        moduleSpecifier === undefined ? imported.get(local) : { from: moduleSpecifier, name: local };
      if (origin !== undefined) follow(origin.from, new Set([origin.name]));
      else if (!wanted?.has(local)) found.push(...undocumentedIn(file, new Set([local])));
    }
  }
  return [
    ...found,
    ...[...declared].filter((name) => !documented.has(name)).map((name) => `${file}: ${name}`),
  ];
}

it.each(packageNames())("every export of %s has a docstring", (name) => {
  expect([...new Set(entriesOf(name).flatMap((file) => undocumentedIn(file)))]).toEqual([]);
});
