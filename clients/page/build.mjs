// Builds the page into the server's package (service/telwerkd/page), from where telwerkd serves it: one script and one
// style sheet, named by their content so that browsers may keep them for ever, and compressed beforehand.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, context } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../../service/telwerkd/page");

/** @type {import("esbuild").BuildOptions} */
const options = {
  absWorkingDir: here,
  entryPoints: { page: "src/main.tsx" },
  outdir: join(out, "assets"),
  // The stubs are the TypeScript client's; what they import is found here.
  nodePaths: [join(here, "node_modules")],
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  legalComments: "none",
  metafile: true,
  write: false,
  loader: { ".svg": "file" },
  logLevel: "warning",
};

/** The licences of what is in the script: each asks for its text to be kept with it. */
async function licences(inputs) {
  const packages = new Set();
  for (const path of Object.keys(inputs)) {
    const parts = path.split("node_modules/").at(-1).split("/");
    if (path.includes("node_modules/")) packages.add(parts[0].startsWith("@") ? parts.slice(0, 2).join("/") : parts[0]);
  }
  const texts = [];
  for (const name of [...packages].sort()) {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    texts.push(`${name} ${version} (${license})\n\n${file ? await readFile(join(folder, file), "utf8") : ""}`);
  }
  return texts.join(`\n${"-".repeat(72)}\n\n`);
}

async function put(path, contents) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
  const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
  await writeFile(`${path}.br`, brotliCompressSync(contents, brotli));
  await writeFile(`${path}.gz`, gzipSync(contents, { level: 9 }));
}

async function write({ outputFiles, metafile }) {
  await rm(join(out, "assets"), { recursive: true, force: true });
  for (const file of outputFiles) await put(file.path, file.contents);
  const names = outputFiles.map((file) => file.path.slice(out.length + 1).replaceAll("\\", "/"));
  const icon = await readFile(join(here, "src/icon.svg"));
  const iconName = `assets/icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;
  await put(join(out, iconName), icon);
  const html = (await readFile(join(here, "src/index.html"), "utf8"))
    .replace(
      "{script}",
      names.find((name) => name.endsWith(".js")),
    )
    .replace(
      "{style}",
      names.find((name) => name.endsWith(".css")),
    )
    .replace("{icon}", iconName);
  await put(join(out, "index.html"), html);
  await writeFile(join(out, "licences.txt"), await licences(metafile.inputs));
}

if (process.argv.includes("--watch")) {
  const watching = await context({
    ...options,
    minify: false,
    plugins: [
      { name: "write", setup: ({ onEnd }) => onEnd((result) => (result.errors.length ? undefined : write(result))) },
    ],
  });
  await watching.watch();
} else {
  await write(await build(options));
}
