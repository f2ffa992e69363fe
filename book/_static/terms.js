/* What a term means, shown while the pointer or the keyboard is on its link (spinlinks.py). */
document.addEventListener("DOMContentLoaded", () => {
  const note = document.createElement("div");
  note.className = "term-note";
  note.id = "term-note";
  note.setAttribute("role", "tooltip");
  note.hidden = true;
  document.body.append(note);

  const show = (link) => {
    note.textContent = link.dataset.definition;
    note.hidden = false;
    link.setAttribute("aria-describedby", note.id);
    const place = link.getClientRects()[0];
    const right = document.documentElement.clientWidth - note.offsetWidth - 8;
    const below = place.bottom + 6;
    const fits = below + note.offsetHeight < innerHeight;
    note.style.left = `${Math.max(8, Math.min(place.left, right))}px`;
    note.style.top = `${fits ? below : place.top - note.offsetHeight - 6}px`;
  };
  const hide = () => {
    note.hidden = true;
  };
  for (const link of document.querySelectorAll("a.term")) {
    for (const event of ["mouseenter", "focus"]) link.addEventListener(event, () => show(link));
    for (const event of ["mouseleave", "blur"]) link.addEventListener(event, hide);
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("scroll", hide, { passive: true });
});
