// The frame's one duty: make a worker under the frame's policy, and end it. Called by live.js.
const starter = `import ${JSON.stringify(new URL("worker.js", location.href).href)};`;
const address = URL.createObjectURL(new Blob([starter], { type: "text/javascript" }));

window.startWorker = (port, failed) => {
  const worker = new Worker(address, { type: "module" });
  worker.onerror = (event) => failed(event.message || "the worker could not be loaded");
  worker.postMessage(port, [port]);
  return worker;
};
