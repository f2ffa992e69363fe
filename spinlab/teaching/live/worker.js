// The page's Python: a worker, so that the page stays alive while it computes (see live.js).
//
// It gets one message, a port. On the port: jobs {id, alive, do: "run", ...} come in; {id, kind:
// "begun"} goes out when a job begins, {id, kind: ...} while it runs, {id, kind: "done", ...} at its
// end; {kind: "loading"}, {kind: "ready"}, and {kind: "failed"} tell how far the start is.

import settings from "./settings.js";

const here = new URL(".", import.meta.url);
const SITE = "/lib/python3.12/site-packages/";

// Messages wait for the port: this module loads while the frame hands it over.
const port = await new Promise((resolve) => {
  self.onmessage = ({ data }) => resolve(data);
});

// --- loading ---------------------------------------------------------------------------------

const source = new URL(settings.source, here).href;

// The browser refuses a file whose sha256 is not the one that the book was made with. Pyodide would
// wait for ever for some of them.
const plainFetch = self.fetch;
self.fetch = (resource, options) => {
  const name = String(resource.url ?? resource).split("/").pop();
  const integrity = settings.files[name];
  if (!integrity) return plainFetch(resource, options);
  const reply = plainFetch(resource, { ...options, integrity });
  reply.catch(() => fail(`${name} cannot be loaded, or is not the file that the book knows.`));
  return reply;
};
const fail = (text) => port.postMessage({ kind: "failed", text });

let loaded = 0;
function tell(bytes, text = "Python") {
  loaded += bytes;
  port.postMessage({ kind: "loading", text, share: Math.min(1, loaded / settings.bytes) });
}

async function load(url) {
  const reply = await fetch(url);
  if (!reply.ok) throw new Error(`${url}: ${reply.status}`);
  return reply;
}

// A script as a module whose text was verified; import() alone would take what it gets.
async function importVerified(name) {
  const text = await (await load(source + name)).text();
  tell(text.length / 4);
  return import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
}

async function unzipped(name) {
  const counted = new TransformStream({
    transform(chunk, out) {
      tell(chunk.length, "the packages");
      out.enqueue(chunk);
    },
  });
  const { body } = await load(new URL(name, here));
  const stream = body.pipeThrough(counted).pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The pack: length of the index (4 bytes), index [[path, size], ...] as JSON, contents.
function mount(FS, pack) {
  const length = new DataView(pack.buffer).getUint32(0, true);
  const index = JSON.parse(new TextDecoder().decode(pack.subarray(4, 4 + length)));
  const folders = new Set();
  let at = 4 + length;
  for (const [path, size] of index) {
    const cut = path.lastIndexOf("/");
    const folder = path.slice(0, cut);
    if (!folders.has(folder)) FS.mkdirTree(folder);
    folders.add(folder);
    const file = pack.subarray(at, at + size);
    FS.createDataFile(folder, path.slice(cut + 1), file, true, true, true);
    at += size;
  }
}

async function start() {
  // All at once; what is needed last is the largest.
  const pack = settings.pack ? unzipped(settings.pack) : null;
  const book = settings.pack ? null : load(new URL("book.zip", here));
  const asm = importVerified("pyodide.asm.js");
  const { loadPyodide } = await importVerified("pyodide.mjs");
  await asm;
  const py = await loadPyodide({
    indexURL: source,
    env: { MPLBACKEND: "agg", MPLCONFIGDIR: "/lib/matplotlib" },
  });
  tell(3e6);
  if (pack) {
    mount(py.FS, await pack);
    // SciPy's libraries ask for it by its bare name.
    await py._module.API.loadDynlib("/usr/lib/libopenblas.so", true, []);
  } else {
    const told = { messageCallback: (text) => tell(1e6, text.replace(/^Load\w+ /, "")) };
    await py.loadPackage(settings.packages, told);
    py.unpackArchive(await (await book).arrayBuffer(), "zip", { extractDir: SITE });
  }
  tell(settings.bytes, "the library");
  py.FS.mkdir("book"); // pages look for book/data in their folder and above it
  py.FS.symlink(`${SITE}book/data`, "book/data");
  return py;
}

// --- a stop that is heard --------------------------------------------------------------------

// A worker that computes gets no message, and pages from plain hosts share no memory with it. But it
// can look whether the job's address still leads to something: the page revokes it for a stop. Python
// asks this object now and then, as if it were the one byte of an interrupt buffer; 2 is SIGINT.
const EVERY = 200; // ms; a look takes about 3 ms
let alive = null; // of the job that runs
let looked = 0;
const signal = {
  get 0() {
    if (!alive || performance.now() < looked + EVERY) return 0;
    const request = new XMLHttpRequest();
    request.open("GET", alive, false);
    try {
      request.send();
    } catch {
      alive = null; // said once
    }
    looked = performance.now();
    return alive ? 0 : 2;
  },
  set 0(value) {}, // Python takes the byte back to 0
};

// --- jobs ------------------------------------------------------------------------------------

let current = 0;

// An error of Python arrives as its traceback, which ends with what went wrong.
const lastLine = (error) => String(error.message ?? error).trim().split("\n").pop();

const ready = start().then((py) => {
  py.setInterruptBuffer(signal);
  const kernel = py.pyimport("spinlab.teaching.live.kernel");
  const session = kernel.Session((message) => {
    port.postMessage({ id: current, ...JSON.parse(message) });
  });
  port.postMessage({ kind: "ready" });
  return {
    run: ({ code, name }) => ({ ok: session.run(code, name) }),
    check: ({ label, code }) => session.check(label, code),
    frame: ({ key, positions }) => ({ html: session.frame(key, py.toPy(positions)) }),
    notebook: ({ cells, answers }) => ({ text: kernel.notebook(py.toPy(cells), py.toPy(answers)) }),
  };
});
ready.catch((error) => fail(lastLine(error)));

port.onmessage = async ({ data }) => {
  const jobs = await ready;
  port.postMessage({ id: data.id, kind: "begun" });
  const began = (looked = performance.now());
  let reply;
  try {
    ({ id: current, alive } = data);
    reply = jobs[data.do](data);
  } catch (error) {
    // Not an error of the reader's code, which the kernel shows: Python itself has ended.
    reply = { ok: false, fatal: alive && lastLine(error) };
  }
  const stopped = !alive;
  alive = null;
  port.postMessage({ id: data.id, kind: "done", ms: performance.now() - began, stopped, ...reply });
};
