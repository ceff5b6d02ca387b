// Makes a component: node componentize.mjs KIND PACKAGES SOURCE WIT OUTPUT. KIND says what SOURCE is: `javascript`, or
// a core `module`; PACKAGES is the folder that npm installed into; WIT is the text of the world `guest` and of all that
// it refers to.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [kind, packages, source, wit, output] = process.argv.slice(2);

const load = (path) => import(pathToFileURL(join(packages, "node_modules/@bytecodealliance", path)));
const world = await readFile(wit, "utf8");

async function fromJavaScript() {
  const { componentize } = await load("componentize-js/src/componentize.js");
  return (await componentize({ sourcePath: source, witWorld: world, worldName: "guest" })).component;
}

async function fromModule() {
  const { componentEmbed, componentNew } = await load("jco-transpile/dist/wasm-tools.js");
  const binary = await readFile(source);
  const embedded = await componentEmbed({ binary, witSource: world, world: "guest", stringEncoding: "utf8" });
  return componentNew(embedded, await adapters(new WebAssembly.Module(binary)));
}

// A module that was linked with a C library speaks WASI preview 1.
async function adapters(module) {
  const name = "wasi_snapshot_preview1";
  if (!WebAssembly.Module.imports(module).some((each) => each.module === name)) return [];
  const kind = WebAssembly.Module.exports(module).some((each) => each.name === "_start") ? "command" : "reactor";
  return [[name, await readFile(join(packages, `node_modules/@bytecodealliance/jco/lib/${name}.${kind}.wasm`))]];
}

await writeFile(output, await (kind === "javascript" ? fromJavaScript() : fromModule()));
