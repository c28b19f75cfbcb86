"use strict";
(() => {
  const steps = Array.from(document.querySelectorAll("details.step"));

  // What pods have in common is in the page once; a step that is opened gets a copy of it.
  const fill = (step) => {
    for (const place of step.querySelectorAll("[data-block]")) {
      const block = document.getElementById(place.dataset.block);
      if (!block) continue;
      const copy = block.cloneNode(true);
      copy.removeAttribute("id");
      place.replaceWith(copy);
    }
  };
  for (const step of steps) {
    step.addEventListener("toggle", () => { if (step.open) fill(step); });
  }

  // A link to a step opens it, and the keyboard goes on from there.
  const open = () => {
    const id = location.hash.slice(1);
    const target = id && document.getElementById(id);
    const step = target && target.closest("details.step");
    for (const other of steps) other.classList.toggle("chosen", other === step);
    if (!step) return;
    step.hidden = false;
    fill(step);
    for (let inner = target; inner; inner = inner.parentElement) {
      if (inner.tagName === "DETAILS") inner.open = true;
    }
    const summary = step.querySelector("summary");
    summary.scrollIntoView({ block: "start" });
    summary.focus({ preventScroll: true });
  };
  window.addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    const href = link && link.getAttribute("href");
    if (href && href === location.hash) open();
  });
  open();

  const input = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const named = steps.filter((step) => step.dataset.name !== undefined);
  if (named.length > 1) input.closest("p").hidden = false;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let count = 0;
    for (const step of named) {
      step.hidden = !step.dataset.name.toLowerCase().includes(wanted);
      if (!step.hidden) count += 1;
    }
    shown.textContent = wanted ? count + " of " + named.length : "";
  });
})();
