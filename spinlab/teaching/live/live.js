// "Run this page here": the cells of a page run in the reader's browser, and can be edited there.
// Plain JavaScript without a framework; nothing is loaded before the reader asks for it.
import { addAnswers } from "./answers.js";
import { button, make, placeOf, show } from "./outputs.js";
import settings from "./settings.js";

const here = new URL(".", import.meta.url);
const STARTED = "Python has started …"; // and a job waits
const ANEW = "Python has started anew: nothing has been run yet.";
const HEARS = 2000; // ms that Python has to hear of a stop
const idle = { port: null, worker: null, frame: null, ready: false, jobs: new Map() };
let python = { ...idle };
let bar = null;
let last = 0;
let stops = 0;

// --- Python, in a worker of a frame with a policy of its own ---------------------------------

function start() {
  const { port1, port2 } = new MessageChannel();
  const frame = make("iframe", { src: new URL("frame.html", here).href, hidden: "", title: "Python" });
  const mine = (python = { ...idle, frame, port: port1, jobs: new Map() });
  const fail = (text) => mine === python && end(`Python could not start: ${text}`);
  frame.addEventListener("load", () => {
    if (mine === python) mine.worker = frame.contentWindow.startWorker(port2, fail);
  });
  port1.onmessage = ({ data }) => {
    if (mine !== python) return; // from before a stop
    const job = mine.jobs.get(data.id);
    if (data.kind === "loading") status(`Loading ${data.text} …`, data.share);
    else if (data.kind === "ready") (mine.ready = true), status(...(mine.jobs.size ? [STARTED, 1] : [ANEW]));
    else if (data.kind === "failed") fail(data.text);
    else if (data.kind === "begun") job?.tell();
    else if (data.kind !== "done") job?.handler?.(data);
    else mine.jobs.delete(data.id), job.resolve(data);
  };
  status("Starting Python …", 0);
  document.body.append(frame);
}

// The handler gets what a job shows; tell says, in the bar, that it has begun.
const begun = () => state.textContent === STARTED && status("Python is ready.");
function ask(wanted, handler, tell = begun) {
  if (!python.port) start();
  const job = { handler, tell, alive: URL.createObjectURL(new Blob()) }; // until it is over or stopped
  job.over = new Promise((resolve) => (job.resolve = resolve));
  job.over.then(() => URL.revokeObjectURL(job.alive));
  python.jobs.set(++last, job);
  python.port.postMessage({ id: last, alive: job.alive, ...wanted });
  return job.over;
}

// Python ends what it does and keeps its names; if it does not hear (a long call of compiled code),
// it is ended, and starts anew.
async function stop() {
  stops++;
  const asked = [...python.jobs.values()];
  if (!python.ready) return end("Stopped. The next run starts Python anew.");
  if (!asked.length) return status("Nothing runs.");
  status("Stopping …", 1);
  asked.forEach(({ alive }) => URL.revokeObjectURL(alive));
  const deaf = setTimeout(() => (end(), start()), HEARS);
  await Promise.all(asked.map(({ over }) => over));
  clearTimeout(deaf);
  if (python.ready) status("Stopped. What was computed is kept.");
}

function end(text = "") {
  const { worker, frame, jobs } = python;
  python = { ...idle };
  stops++;
  worker?.terminate();
  frame?.remove();
  jobs.forEach(({ resolve }) => resolve({ ok: false, stopped: true }));
  cells.forEach((cell) => (cell.ran = null));
  status(text);
}

// --- editors ---------------------------------------------------------------------------------

function edit(pre, label, run, after) {
  const plain = { contenteditable: "plaintext-only", role: "textbox", "aria-multiline": "true" };
  const more = { "aria-label": label, spellcheck: "false", autocapitalize: "off", tabindex: "0" };
  for (const [name, value] of Object.entries({ ...plain, ...more })) pre.setAttribute(name, value);
  if (pre.contentEditable !== "plaintext-only") pre.setAttribute("contenteditable", "true");
  pre.addEventListener("paste", (event) => {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  pre.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the page has keys of its own, such as "/" for the search
    const enter = event.key === "Enter";
    if (enter && (event.ctrlKey || event.metaKey)) event.preventDefault(), run();
    else if (enter && event.shiftKey) event.preventDefault(), run(), after?.();
    else if (enter) event.preventDefault(), document.execCommand("insertText", false, indented(pre));
    else if (event.key === "Escape") pre.blur(); // and Tab goes on from here
    else if (event.key === "Tab" && !event.shiftKey)
      event.preventDefault(), document.execCommand("insertText", false, "    ");
  });
}

// A line break with the indentation of the line it ends, and more after a colon.
function indented(pre) {
  const before = document.createRange();
  const { startContainer, startOffset } = getSelection().getRangeAt(0);
  before.setStart(pre, 0);
  before.setEnd(startContainer, startOffset);
  const line = textOf(before.cloneContents()).split("\n").pop();
  return `\n${/^ */.exec(line)[0]}${/:\s*$/.test(line) ? "    " : ""}`;
}

// The text of a part of an editor, folded or not; browsers break lines in three ways.
function textOf(part) {
  part.querySelectorAll("br").forEach((br) => br.replaceWith("\n"));
  part.querySelectorAll("div").forEach((line) => line.prepend("\n"));
  return part.textContent.replace(/\u00a0/g, " ");
}

const codeOf = (pre) => textOf(pre.cloneNode(true)).replace(/\n$/, "");

// --- cells -----------------------------------------------------------------------------------

const cells = [...document.querySelectorAll("div.cell")]
  .filter((box) => box.querySelector(".cell_input pre"))
  .map((box, k) => {
    const pre = box.querySelector(".cell_input pre");
    const output = box.querySelector(":scope > .cell_output, :scope > details > .cell_output");
    const seconds = Number(/tag_takes-(\d+)-s/.exec(box.className)?.[1] ?? 0);
    return { box, pre, output, seconds, number: k + 1, ran: null, first: output, html: pre.innerHTML };
  });

async function run(cell) {
  const code = codeOf(cell.pre);
  const output = make("div", { class: "cell_output docutils container" });
  const place = placeOf(cell.first);
  const put = () => {
    if (cell.output === output) return;
    if (cell.output) cell.output.replaceWith(output);
    else cell.box.append(output);
    cell.output = output;
  };
  cell.box.classList.add("live-running");
  const long = cell.seconds ? `, which takes about ${cell.seconds} s here` : "";
  const running = `Running cell ${cell.number} of ${cells.length}${long} …`;
  const tell = () => status(running, cell.number / cells.length);
  tell();
  const handler = (data) => (put(), show(data, output, place, ask));
  const reply = await ask({ do: "run", code, name: `cell ${cell.number}` }, handler, tell);
  if (!reply.stopped) put();
  if (reply.fatal) show({ kind: "error", text: reply.fatal }, output, place);
  cell.box.classList.remove("live-running");
  cell.ran = reply.ok ? code : null;
  const folded = cell.box.querySelector("details");
  if (folded && !reply.ok && !reply.stopped) folded.open = true;
  const took = `${(reply.ms / 1000).toFixed(1)} s`;
  cell.state.textContent = reply.stopped ? "stopped" : reply.ok ? took : "error";
  if (reply.fatal) end(`Python ended in cell ${cell.number}. The next run starts it anew.`);
  return reply.ok;
}

// One after the other, until one fails; whoever asks meanwhile is served after it, or stopped.
let queue = Promise.resolve();
function runEach(wanted) {
  const asked = stops;
  queue = queue.then(async () => {
    if (asked !== stops) return;
    const mine = wanted();
    for (const cell of mine) {
      const ended = await run(cell);
      if (asked !== stops) return;
      if (!ended) return status(`Cell ${cell.number} ended with an error.`);
    }
    status(mine.length > 1 ? `Ready: ${mine.length} cells were run.` : "Ready.");
  });
}

const runOne = (cell) => runEach(() => [cell]);
const runAll = () => runEach(() => cells);
const runTo = (cell) =>
  runEach(() => cells.filter((c) => c === cell || (c.number < cell.number && c.ran !== codeOf(c.pre))));

function reset(cell) {
  cell.pre.innerHTML = cell.html;
  if (cell.first) cell.output?.replaceWith(cell.first);
  else cell.output?.remove();
  cell.output = cell.first;
  cell.ran = null;
  cell.state.textContent = "";
}

// --- the bar and its buttons -----------------------------------------------------------------

const state = make("span", { class: "live-status", role: "status", "aria-live": "polite" });
const progress = make("progress", { max: "1", "aria-label": "Progress", hidden: "" });

function status(text, share = null) {
  if (state.textContent !== text) state.textContent = text;
  progress.hidden = share === null;
  progress.value = share ?? 0;
  bar?.classList.toggle("live-busy", share !== null);
}

function addTools(cell) {
  const { number, pre, box } = cell;
  const focusNext = () => {
    const folded = cells[number]?.box.querySelector("details");
    if (folded) folded.open = true; // what is folded takes no focus
    cells[number]?.pre.focus();
  };
  edit(pre, `Code of cell ${number}`, () => runOne(cell), focusNext);
  cell.state = make("span", { class: "live-state" });
  const long = cell.seconds ? make("span", { class: "live-long" }, `takes about ${cell.seconds} s`) : "";
  const tool = (text, job, title) =>
    button(text, job, { "aria-label": `${text}: cell ${number}`, title });
  const tools = make("div", { class: "live-tools", role: "group", "aria-label": `Cell ${number}` },
    tool("Run", () => runOne(cell), "Control and Enter; with Shift and Enter on to the next cell"),
    tool("Run to here", () => runTo(cell), "First the cells above that have not been run"),
    tool("Reset", () => reset(cell), "The code and the output of the book"),
    long, cell.state);
  box.querySelector(".cell_input").append(tools);
}

function open() {
  const resetAll = () => (end("As in the book."), cells.forEach(reset));
  const buttons = [button("Run all", runAll), button("Stop", stop), button("Reset page", resetAll)];
  const tools = make("div", { class: "live-row" }, ...buttons, progress, state);
  bar.replaceChildren(tools);
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Run this page");
  cells.forEach(addTools);
  const page = { ask, edit, codeOf, cells: () => cells.map((cell) => codeOf(cell.pre)) };
  bar.after(addAnswers(page));
  tools.querySelector("button").focus();
  document.body.classList.add("live-open");
  runOne(cells[0]);
}

function offer() {
  const title = document.querySelector(".bd-article h1");
  if (!cells.length || !title || !window.Worker || !/^http/.test(location.protocol)) return;
  const source = new URL(settings.source, here);
  const site = source.host === location.host ? "this site" : source.host;
  const size = `${Math.round(settings.bytes / 1e6)} MB from ${site}, once`;
  const note = `Python in your browser: ${size}. Nothing that you write is sent.`;
  bar = make("div", { class: "live-bar" },
    button("▶ Run this page here", open, { class: "live-start" }), make("span", { class: "live-note" }, note));
  title.after(bar);
}

offer();
