/* What a term means, shown while the pointer or the keyboard is on its link (spinlinks.py). */
document.addEventListener("DOMContentLoaded", () => {
  const note = document.createElement("div");
  note.className = "term-note";
  note.id = "term-note";
  note.setAttribute("role", "tooltip");
  note.hidden = true;
  document.body.append(note);
  let shown = null;

  // Below the term, or above where there is no room; never over the window's edges.
  const place = () => {
    if (!shown) return;
    const box = shown.getClientRects()[0];
    const right = document.documentElement.clientWidth - note.offsetWidth - 8;
    const below = box.bottom + 6;
    const fits = below + note.offsetHeight < innerHeight;
    note.style.left = `${Math.max(8, Math.min(box.left, right))}px`;
    note.style.top = `${fits ? below : box.top - note.offsetHeight - 6}px`;
  };
  const show = (link) => {
    shown = link;
    note.textContent = link.dataset.definition;
    note.hidden = false;
    link.setAttribute("aria-describedby", note.id);
    place();
  };
  const hide = () => {
    shown = null;
    note.hidden = true;
  };
  for (const link of document.querySelectorAll("a.term")) {
    for (const event of ["mouseenter", "focus"]) link.addEventListener(event, () => show(link));
    for (const event of ["mouseleave", "blur"]) {
      link.addEventListener(event, () => link === shown && hide());
    }
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("scroll", place, { passive: true, capture: true });
});
