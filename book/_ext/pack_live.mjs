// node pack_live.mjs FOLDER PACK.gz ARCHIVE...: let Pyodide itself compile and pack what its pages need.
import { readFileSync, writeFileSync } from "fs";
import { dirname, join, resolve } from "path";
import { fileURLToPath, pathToFileURL } from "url";
import { gzipSync } from "zlib";

const [folder, target, ...archives] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(folder, "pyodide.mjs")).href);
const py = await loadPyodide({ indexURL: resolve(folder) + "/", env: { MPLBACKEND: "agg", MPLCONFIGDIR: "/lib/matplotlib" } });
py.FS.mkdirTree("/lib/matplotlib");
for (const path of archives) {
  const bytes = new Uint8Array(readFileSync(path));
  const format = path.endsWith(".zip") ? "zip" : "wheel";
  // A wheel's other folders (headers, documentation) are not packages; OpenBLAS is a library alone.
  const where = path.includes("openblas") ? "/usr/lib" : "/lib/python3.12/site-packages";
  py.unpackArchive(bytes, format, { extractDir: where });
}
await py._module.API.loadDynlib("/usr/lib/libopenblas.so", true, []);
const inside = join(dirname(fileURLToPath(import.meta.url)), "pack_inside.py");
py.runPython(readFileSync(inside, "utf8"));
writeFileSync(target, gzipSync(py.FS.readFile("pack"), { level: 9 }));
