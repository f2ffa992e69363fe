// What a cell shows when it was run in the page: the book's own forms, and sliders that live.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function button(text, onclick, more = {}) {
  return make("button", { type: "button", onclick, ...more }, text);
}

// HTML that Python made, without what could act in the page or ask another site: a cell may have been
// pasted from anywhere. The data of the book's own figures are scripts of a type that no browser runs.
export function harmless(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return cleaned(template.content);
}

const ACTS = /^(script|style|iframe|frame|object|embed|base|meta|link|form|animate\w*|set)$/i;
const HANDLES = /^(on.*|srcdoc|srcset|ping)$/i;
const LEADS = /(href|src|action|poster|background)$/i;
const PAINTS = /url\((?!["']?#)|image-set\(/i;

function cleaned(root) {
  for (const element of root.querySelectorAll("*")) {
    const data = /^application\/spin-/.test(element.getAttribute("type") ?? "");
    if (ACTS.test(element.localName) && !data) element.remove();
    const near = element.localName === "a" ? /^(#|https?:)/i : /^(#|data:image\/)/i;
    for (const { name, value } of [...element.attributes]) {
      const leads = LEADS.test(name) && !near.test(value);
      const paints = PAINTS.test(value) || (name === "style" && value.includes("\\"));
      if (HANDLES.test(name) || leads || paints) element.removeAttribute(name);
    }
  }
  return root;
}

function block(kind, text) {
  const pre = make("pre", {}, text);
  return make("div", { class: `output ${kind} notranslate` }, make("div", { class: "highlight" }, pre));
}

const SHOWS = {
  text({ text }, output) {
    const last = output.lastElementChild;
    if (last?.matches(".stream")) return last.querySelector("pre").append(text);
    output.append(block("stream highlight-myst-ansi", text));
  },
  value: ({ text }, output) => output.append(block("text_plain highlight-myst-ansi", text)),
  error: ({ text }, output) => output.append(block("live-error highlight-myst-ansi", text)),
  latex({ latex }, output) {
    const tex = latex.replace(/^\$+|\$+$/g, "");
    const box = make("div", { class: "output text_latex math notranslate nohighlight" }, `\\[${tex}\\]`);
    output.append(box);
    window.MathJax?.typesetPromise?.([box]).then(() => cleaned(box)); // TeX knows \href
  },
  svg({ svg }, output, place) {
    const figure = harmless(svg).firstElementChild;
    figure.setAttribute("aria-label", place.alts.shift() ?? "Figure");
    framed(output, place, figure);
  },
  html: ({ html }, output, place) => {
    const box = make("div", { class: "output text_html" }, harmless(html));
    if (box.querySelector("spin-formula")) framed(output, place, box);
    else output.append(box);
  },
  explore(data, output, place, ask) {
    const box = make("div", { class: "output text_html" }, harmless(data.html));
    framed(output, place, box);
    follow(box.firstElementChild, data, ask);
  },
};

// A figure keeps the number and the caption that it has in the book.
function framed(output, place, content) {
  const frame = place.frames.shift();
  if (frame) frame.prepend(content);
  output.append(frame ?? content);
}

// What the book showed of a cell, as far as a new run keeps it: captions and descriptions.
export function placeOf(output) {
  const frames = [...(output?.querySelectorAll("figure") ?? [])].map((figure) => {
    const frame = figure.cloneNode(false);
    frame.append(...[...figure.querySelectorAll("figcaption")].map((c) => c.cloneNode(true)));
    return frame;
  });
  const drawings = [...(output?.querySelectorAll("svg.figure[aria-label]") ?? [])];
  return { frames, alts: drawings.map((svg) => svg.getAttribute("aria-label")) };
}

export function show(data, output, place, ask) {
  SHOWS[data.kind]?.(data, output, place, ask);
}

// Sliders of a figure that was made in the page: Python draws the frame that is asked for, once.
function follow(element, { key, controls, play }, ask) {
  const inputs = [...element.querySelectorAll("input, select")];
  const positions = () => inputs.map((input) => Number(input.value));
  const frames = new Map([[String(positions()), element.querySelector("svg")]]);
  let busy = null;

  async function draw() {
    while (element.dataset.frame !== String(positions())) {
      const wanted = positions();
      const name = String(wanted);
      if (!frames.has(name)) {
        const { html } = await ask({ do: "frame", key, positions: wanted });
        if (!html) return; // stopped
        frames.set(name, harmless(html).querySelector("svg"));
      }
      element.querySelector("svg").replaceWith(frames.get(name));
      element.dataset.frame = name;
    }
  }

  function update() {
    inputs.forEach((input, k) => {
      const text = controls[k][Number(input.value)];
      input.setAttribute("aria-valuetext", text);
      if (input.type === "range") input.nextElementSibling.textContent = text;
    });
    busy ??= draw().finally(() => (busy = null));
    return busy;
  }

  inputs.forEach((input) => input.addEventListener("input", update));
  element.querySelector("fieldset").hidden = false;
  element.dataset.frame = String(positions());
  if (play === null) return;
  const [slider, playButton] = [inputs[play], element.querySelector("fieldset button")];
  let playing = false;
  playButton.addEventListener("click", async () => {
    playing = !playing;
    playButton.textContent = playing ? "❚❚ Pause" : "▶ Play";
    if (playing && Number(slider.value) >= Number(slider.max)) slider.value = slider.min;
    for (let more = playing; more && playing; more = Number(slider.value) < Number(slider.max)) {
      slider.value = Number(slider.value) + 1;
      await Promise.all([update(), new Promise((done) => setTimeout(done, 150))]);
      if (!element.isConnected) return;
    }
    playing = false;
    playButton.textContent = "▶ Play";
  });
}
