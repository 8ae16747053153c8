// What the console's pages gain by a script; without it they work all the same.

// One box ticks all of its table.
for (const all of document.querySelectorAll("[data-all]")) {
  const boxes = [...all.closest("table").querySelectorAll(`tbody input[name="${all.dataset.all}"]`)];
  const show = () => {
    const n = boxes.filter((b) => b.checked).length;
    all.checked = n > 0 && n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
  };
  all.hidden = false;
  all.addEventListener("change", () => { for (const b of boxes) b.checked = all.checked; });
  for (const b of boxes) b.addEventListener("change", show);
  show();
}

// What cannot be taken back is asked about.
for (const button of document.querySelectorAll("[data-confirm]")) {
  button.addEventListener("click", (e) => { if (!confirm(button.dataset.confirm)) e.preventDefault(); });
}

// More rows of a group, without a way to the server.
const renumber = (node, from, to) => {
  for (const attribute of ["name", "id", "for", "list", "aria-describedby"]) {
    const value = node.getAttribute(attribute);
    if (value) node.setAttribute(attribute, value.replace(from, to));
  }
};
for (const group of document.querySelectorAll("[data-group]")) {
  const add = group.querySelector("button[name=more]");
  add.textContent = "再加一行";
  add.addEventListener("click", (e) => {
    e.preventDefault();
    const rows = group.querySelectorAll(".item");
    const last = rows[rows.length - 1];
    const row = last.cloneNode(true);
    const name = group.dataset.group;
    for (const node of row.querySelectorAll("*")) {
      renumber(node, `${name}[${rows.length - 1}]`, `${name}[${rows.length}]`);
      if (node.matches("input:not([type=checkbox]), textarea")) node.value = "";
      if (node.matches("select")) node.selectedIndex = 0;
      if (node.matches("[type=checkbox]")) node.checked = false;
      if (node.matches(".fault")) node.remove();
    }
    last.after(row);
    row.querySelector("input, textarea, select").focus();
  });
}

// Unsaved changes are not lost by a slip.
for (const form of document.querySelectorAll("form[data-dirty]")) {
  let dirty = false;
  form.addEventListener("input", () => { dirty = true; });
  form.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", (e) => { if (dirty) e.preventDefault(); });
}

// An import that runs shows how far it is.
const job = document.querySelector("[data-job]");
if (job) {
  const follow = async () => {
    try {
      const reply = await fetch(job.dataset.job, { headers: { Accept: "application/json" } });
      if (reply.ok) {
        const state = await reply.json();
        if (!state.running) { location.reload(); return; }
        job.querySelector("[data-done]").textContent = state.done;
      }
    } catch { /* the line is down: try again */ }
    setTimeout(follow, 1000);
  };
  setTimeout(follow, 500);
}
