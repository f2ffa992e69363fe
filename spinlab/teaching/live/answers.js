// Under each exercise a box for the answer. Answers stay in this browser until they are cleared.
import { button, make } from "./outputs.js";

const KEY = "spinlab-answer:";

function saved(label) {
  try {
    return JSON.parse(localStorage.getItem(KEY + label)) ?? {};
  } catch {
    return {}; // no storage in a private window, or not ours
  }
}

function keep(label, answer) {
  try {
    localStorage.setItem(KEY + label, JSON.stringify(answer));
  } catch {
    // The answer stays on the page alone.
  }
}

function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// page: {ask, edit, codeOf, busy, cells} of live.js. Returns the page's part about exercises.
export function addAnswers(page) {
  const boxes = [...document.querySelectorAll("div.exercise[id^='ex-']")].map((exercise) =>
    answerBox(exercise, page, count),
  );
  if (!boxes.length) return "";
  const done = make("span", { class: "live-done" });
  const unable = make("span", { role: "status" });

  function count() {
    const right = boxes.filter(({ label }) => saved(label).right).length;
    done.textContent = `Exercises done: ${right} of ${boxes.length}`;
  }

  async function download() {
    const answers = {};
    for (const { label, code } of boxes) if (code().trim()) answers[label] = code();
    if (!Object.keys(answers).length) return (unable.textContent = "There is no answer yet.");
    unable.textContent = "";
    const { text } = await page.ask({ do: "notebook", cells: page.cells(), answers });
    if (text) save(text, `${location.pathname.split("/").pop().replace(".html", "")}-answers.ipynb`);
  }

  function clear() {
    if (!confirm("Clear all answers of this page from this browser?")) return;
    boxes.forEach((box) => box.clear());
    count();
  }

  count();
  const title = "A notebook of this page and your answers, for the grader";
  const tools = [button("Download answers", download, { title }), button("Clear answers", clear)];
  return make("div", { class: "live-bar live-row" }, done, ...tools, unable);
}

function answerBox(exercise, { ask, edit, codeOf }, count) {
  const label = exercise.id;
  const number = exercise.querySelector(".caption-number")?.textContent.trim() ?? label;
  const pre = make("pre", { class: "live-answer" });
  const verdict = make("p", { class: "live-verdict", role: "status" });

  function tell({ right, text }) {
    verdict.textContent = text ? `${right ? "✓" : "✗"} ${text}` : "";
    verdict.className = `live-verdict ${right ? "live-right" : "live-wrong"}`;
  }

  function recall() {
    const { source = "", ...said } = saved(label);
    pre.textContent = source;
    tell(said);
  }

  async function check() {
    const source = codeOf(pre);
    verdict.textContent = "…";
    let said = { right: false, text: "" };
    const reply = await ask({ do: "check", label, code: source }, (data) => {
      if (data.kind === "verdict") said = { right: data.right, text: data.text };
    });
    if (reply.fatal) said.text = reply.fatal;
    if (reply.stopped) said.text = "Stopped before it was judged.";
    keep(label, { source, ...said });
    tell(said);
    count();
  }

  recall();
  pre.addEventListener("input", () => {
    keep(label, { source: codeOf(pre), right: false });
    tell({});
    count();
  });
  edit(pre, `Your answer to ${number}`, check);
  const tools = make("div", { class: "live-tools" },
    button("Check", check, { "aria-label": `Check the answer to ${number}` }));
  const hint = make("p", { class: "live-hint" }, "Your answer, in Python; the last line is judged:");
  const box = make("div", { class: "highlight" }, pre);
  exercise.append(make("div", { class: "live-exercise" }, hint, box, tools, verdict));
  const clear = () => {
    try {
      localStorage.removeItem(KEY + label);
    } catch {
      // Nothing was kept.
    }
    recall();
  };
  return { label, clear, code: () => codeOf(pre) };
}
