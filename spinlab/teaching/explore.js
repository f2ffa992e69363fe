// Replays the frames of an explorable figure (see svg_frames.py). Plain JavaScript, no network.
//
// Inside <spin-explore> stand an SVG, a hidden <fieldset> with native controls, and a script element
// with the changes: base64 of gzip of JSON {channels, controls, play, milliseconds}. A channel is
// [position of the element in document order, attribute or "#html", values, value used by each frame];
// the values of paths are packed as pack_path() of svg_frames.py says.
(() => {
  "use strict";

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function sums(differences) {
    let total = 0;
    return differences.map((difference) => (total += difference));
  }

  const POINTS = { M: 1, L: 1, Q: 2, C: 3, Z: 0, z: 0 };

  function unpackPath(value) {
    if (typeof value === "string") return value;
    const [letters, dx, dy] = value;
    const [x, y] = [sums(sums(dx)), sums(sums(dy))];
    let next = 0;
    let path = "";
    for (const letter of letters) {
      const end = next + POINTS[letter];
      const points = [];
      for (; next < end; next++) points.push(`${x[next] / 100} ${y[next] / 100}`);
      path += letter + points.join(" ");
    }
    return path;
  }

  // The parser may meet an element before its children.
  function whenParsed(start) {
    if (document.readyState !== "loading") start();
    else document.addEventListener("DOMContentLoaded", start, { once: true });
  }

  class SpinExplore extends HTMLElement {
    connectedCallback() {
      whenParsed(() => this.start());
    }

    async start() {
      const script = this.querySelector('script[type="application/spin-frames"]');
      if (this.started || !script) return;
      this.started = true;
      const data = await unpack(script.textContent.trim());
      const svg = this.querySelector("svg");
      const elements = [svg, ...svg.querySelectorAll("*")].filter((e) => !e.closest("defs"));
      this.channels = data.channels.map(([position, name, values, used]) => {
        const unpacked = name === "d" ? values.map(unpackPath) : values;
        return { element: elements[position], name, values: unpacked, used };
      });
      this.values = data.controls;
      this.inputs = [...this.querySelectorAll("input, select")];
      this.inputs.forEach((input) => input.addEventListener("input", () => this.show()));
      if (data.play !== null) this.addPlay(this.inputs[data.play], data.milliseconds);
      this.querySelector("fieldset").hidden = false;
      this.show();
      this.dataset.ready = "1";
    }

    show() {
      let frame = 0;
      this.inputs.forEach((input, k) => {
        frame = frame * this.values[k].length + Number(input.value);
      });
      for (const { element, name, values, used } of this.channels) {
        if (name === "#html") element.innerHTML = values[used[frame]];
        else element.setAttribute(name, values[used[frame]]);
      }
      this.inputs.forEach((input, k) => {
        if (input.type !== "range") return;
        const text = this.values[k][Number(input.value)];
        input.setAttribute("aria-valuetext", text);
        input.nextElementSibling.textContent = text;
      });
      this.dataset.frame = frame;
    }

    addPlay(input, milliseconds) {
      const button = this.querySelector("button");
      let timer = null;
      const stop = () => {
        clearInterval(timer);
        timer = null;
        button.textContent = "▶ Play";
      };
      const step = () => {
        if (Number(input.value) >= Number(input.max)) return stop();
        input.value = Number(input.value) + 1;
        this.show();
      };
      button.addEventListener("click", () => {
        if (timer !== null) return stop();
        if (Number(input.value) >= Number(input.max)) input.value = 0;
        button.textContent = "❚❚ Pause";
        timer = setInterval(step, milliseconds);
        this.show();
      });
    }
  }

  // A curve of a formula (see formula_sliders.py): computed anew while a slider moves.
  class SpinFormula extends HTMLElement {
    connectedCallback() {
      whenParsed(() => this.start());
    }

    start() {
      const script = this.querySelector('script[type="application/spin-formula"]');
      if (this.started || !script) return;
      this.started = true;
      const data = JSON.parse(script.textContent);
      this.data = data;
      this.functions = data.sources.map(
        (source) => new Function(data.variable, ...data.sliders, `return ${source};`),
      );
      this.paths = data.sources.map((_, k) => this.querySelector(`[id$="-curve${k}"] path`));
      this.inputs = [...this.querySelectorAll("input")];
      this.inputs.forEach((input) => input.addEventListener("input", () => this.show()));
      this.querySelector("fieldset").hidden = false;
      this.show();
      this.dataset.ready = "1";
    }

    show() {
      const { low, high, points, transform } = this.data;
      const [sx, ox, sy, oy] = transform;
      const values = this.inputs.map((input) => Number(input.value));
      this.functions.forEach((f, k) => {
        let d = "";
        let pen = "M"; // lifted where the formula has no finite value
        for (let i = 0; i <= points; i++) {
          const x = low + ((high - low) * i) / points;
          const y = f(x, ...values);
          if (!Number.isFinite(y)) {
            pen = "M";
            continue;
          }
          d += `${pen}${(sx * x + ox).toFixed(2)} ${(sy * y + oy).toFixed(2)}`;
          pen = "L";
        }
        this.paths[k].setAttribute("d", d);
      });
      this.inputs.forEach((input, k) => {
        const text = values[k].toPrecision(3);
        input.setAttribute("aria-valuetext", text);
        input.nextElementSibling.textContent = text;
      });
    }
  }

  for (const [name, element] of [["spin-explore", SpinExplore], ["spin-formula", SpinFormula]]) {
    if (!customElements.get(name)) customElements.define(name, element);
  }
})();
