"use strict";
// Search and keyboard navigation for the list of lines; the page also works without scripts.
(() => {
  const lines = [...document.querySelectorAll("details.line")];
  const toolbar = document.querySelector(".toolbar");
  if (toolbar) {
    const find = document.getElementById("find");
    const onlyWrong = document.getElementById("only-wrong");
    const count = document.getElementById("count");
    const texts = lines.map((line) =>
      [...line.querySelectorAll(".name, .text")].map((part) => part.textContent).join("\n").toLowerCase());
    let current = lines[0];

    const shown = () => lines.filter((line) => !line.parentElement.hidden);

    const filter = () => {
      const wanted = find.value.toLowerCase();
      lines.forEach((line, index) => {
        const fits = texts[index].includes(wanted) && !(onlyWrong.checked && line.dataset.errors === "0");
        line.parentElement.hidden = !fits;
      });
      count.textContent = `${shown().length} of ${lines.length}`;
    };

    const go = (step) => {
      const visible = shown();
      if (!visible.length) return;
      const before = visible.indexOf(current);
      const next = visible[before < 0 ? 0 : Math.min(Math.max(before + step, 0), visible.length - 1)];
      if (current !== next) current.open = false;
      current = next;
      current.open = true;
      current.querySelector("summary").focus({ preventScroll: true });
      current.scrollIntoView({ block: "nearest" });
    };

    lines.forEach((line) => line.addEventListener("toggle", () => { if (line.open) current = line; }));
    find.addEventListener("input", filter);
    onlyWrong.addEventListener("change", filter);
    document.getElementById("previous").addEventListener("click", () => go(-1));
    document.getElementById("next").addEventListener("click", () => go(1));
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.target.matches("input[type=search], textarea, select")) return;
      const onLine = event.target.matches("details.line > summary");
      if (event.key === "j" || (onLine && event.key === "ArrowDown")) go(1);
      else if (event.key === "k" || (onLine && event.key === "ArrowUp")) go(-1);
      else return;
      event.preventDefault();
    });
    filter();
    toolbar.hidden = false;
  }

  // Open all details for printing. The styles do the same in browsers with ::details-content.
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.printed:not([open])")];
    closed.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
})();
