// Checks names of ours as a user would write them, by the type checker: an export, a member, an option, an event.
import { join } from "node:path";
import ts from "typescript";

const root = join(import.meta.dirname, "../..");
const FILE = join(import.meta.dirname, "names-on-the-page.ts");

/**
 * The names of a page that do not exist, each with what the type checker says. `modules` are the sources of entry
 * points, relative to the root. A name is one of: `Export`, `function()`, `Export.member`, `Export.member()`,
 * `Options.list[].member`, `Class.on("event")`, `Type = "value"`.
 */
export function findMissing(names: readonly string[], modules: readonly string[]): string[] {
  const imports = modules.map((path, index) => `import * as m${index} from "../../${path}";`);
  const exported = exportsOf(modules);
  const lines = names.map((name) => statementOf(name, exported));
  const program = programOf([FILE], [...imports, ...lines].join("\n"));
  const missing: string[] = [];
  for (const { file, start, messageText } of ts.getPreEmitDiagnostics(program, program.getSourceFile(FILE))) {
    const { line } = file!.getLineAndCharacterOfPosition(start ?? 0);
    const name = names[line - imports.length];
    missing.push(`${name ?? "an import"}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
  }
  return missing;
}

interface Exported {
  /** Which of the modules has it. */
  module: number;
  isType: boolean;
}

function statementOf(name: string, exported: ReadonlyMap<string, Exported>): string {
  const [, head = "", rest = ""] = name.match(/^(\w+)(.*)$/) ?? [];
  const found = exported.get(head);
  if (!found) return `missing_${head || "name"};`;
  const qualified = `m${found.module}.${head}`;
  const value = rest.match(/^ = (".*")$/)?.[1];
  if (value) return `({}) as unknown as ${qualified} satisfies unknown; (${value} satisfies ${qualified});`;
  if (rest === "" || rest === "()") {
    return found.isType ? `({}) as unknown as ${qualified};` : `void ${qualified};`;
  }
  const path = rest
    .replace(/\(\)$/, "")
    .replaceAll("[]", "![0]!")
    .replaceAll(/\.(\w+)(?=[.!])/g, ".$1!");
  const call = path.replace(/\.on\((".*")\)$/, ".on($1, () => {})");
  const member = `void ((null! as ${qualified})${call});`;
  return !found.isType || isStatic(head, rest) ? `void ${qualified}${call};` : member;
}

/** Members of the class itself, not of its objects. */
function isStatic(head: string, rest: string): boolean {
  return ["RpcError.of()", "AudioConnectorServer.start()"].includes(`${head}${rest}`);
}

function exportsOf(modules: readonly string[]): Map<string, Exported> {
  const program = programOf(modules.map((path) => join(root, path)));
  const checker = program.getTypeChecker();
  const found = new Map<string, Exported>();
  for (const [module, path] of modules.entries()) {
    const symbol = checker.getSymbolAtLocation(program.getSourceFile(join(root, path))!)!;
    for (const one of checker.getExportsOfModule(symbol)) {
      const { flags } = one.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(one) : one;
      const isType = (flags & ts.SymbolFlags.Type) !== 0;
      if (!found.has(one.name)) found.set(one.name, { module, isType });
    }
  }
  return found;
}

function options(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options: ours } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  return { ...ours, noEmit: true, noUnusedLocals: false };
}

/** Parsing the libraries takes longest, and they do not change meanwhile. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** A program of files on disk and of `text`, which is FILE. */
function programOf(files: readonly string[], text = ""): ts.Program {
  const host = ts.createCompilerHost(options());
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => path === FILE || fileExists.call(host, path);
  host.readFile = (path) => (path === FILE ? text : readFile.call(host, path));
  host.getSourceFile = (path, ...rest) => {
    if (path === FILE) return ts.createSourceFile(path, text, ts.ScriptTarget.ESNext);
    if (!parsed.has(path)) parsed.set(path, getSourceFile.call(host, path, ...rest));
    return parsed.get(path);
  };
  return ts.createProgram(files, options(), host);
}
