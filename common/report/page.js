"use strict";
// Filtering and sorting of the claims; the state is in the address after #, so it can be linked:
// #filter=dense&verdict=contradicted&sort=power&order=descending. Without it the page is complete.
(() => {
  const table = document.getElementById("claims-table");
  const form = document.getElementById("filters");
  const heads = [...table.tHead.rows[0].cells];
  const claims = [...table.tBodies];
  const searched = new Map(claims.map((claim) => [claim, claim.textContent.toLowerCase()]));
  const selects = ["verdict", "condition", "evidence", "paper"];
  let sorting = { key: "", order: "ascending" };

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => {
      const again = sorting.key === head.dataset.key && sorting.order === "ascending";
      sorting = { key: head.dataset.key, order: again ? "descending" : "ascending" };
      apply();
      remember();
    });
    head.append(button);
  }

  function value(claim, column) {
    const cell = claim.rows[0].cells[column];
    return (cell.dataset.sort ?? cell.textContent).trim();
  }

  function compare(a, b, numeric) {
    if (!a || !b) return 0;
    if (numeric) return Number(a) - Number(b);
    return a.localeCompare(b, "en", { numeric: true });
  }

  function sort() {
    const column = heads.findIndex((head) => head.dataset.key === sorting.key);
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", sorting.order);
      else head.removeAttribute("aria-sort");
    });
    const sign = sorting.order === "descending" ? -1 : 1;
    const numeric = column >= 0 && "numeric" in heads[column].dataset;
    const sorted = column < 0 ? claims : [...claims].sort((one, two) => {
      const [a, b] = [value(one, column), value(two, column)];
      // Whatever the order, claims without a value come last.
      return !a - !b || sign * compare(a, b, numeric);
    });
    table.append(...sorted);
  }

  function filter() {
    const words = form.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const claim of claims) {
      const wanted = words.every((word) => searched.get(claim).includes(word))
        && selects.every((name) => !form[name].value || claim.dataset[name] === form[name].value);
      claim.hidden = !wanted;
      shown += wanted;
    }
    document.getElementById("shown").textContent = `${shown} of ${claims.length} claims`;
    document.getElementById("nothing").hidden = shown > 0;
  }

  function apply() {
    sort();
    filter();
  }

  function remember() {
    const state = new URLSearchParams();
    for (const name of ["filter", ...selects]) {
      if (form[name].value) state.set(name, form[name].value);
    }
    if (sorting.key) {
      state.set("sort", sorting.key);
      if (sorting.order === "descending") state.set("order", "descending");
    }
    history.replaceState(null, "", `#${state.size ? state : "claims"}`);
  }

  function clear() {
    for (const name of ["filter", ...selects]) form[name].value = "";
    sorting = { key: "", order: "ascending" };
    apply();
    remember();
  }

  function fromAddress() {
    const hash = decodeURIComponent(location.hash.slice(1));
    const named = document.getElementById(hash);
    if (named && claims.includes(named)) {
      if (named.hidden) {
        for (const name of ["filter", ...selects]) form[name].value = "";
        filter();
      }
      named.querySelector("details").open = true;
      named.scrollIntoView();
      return;
    }
    if (!location.hash.includes("=")) return;
    const state = new URLSearchParams(location.hash.slice(1));
    for (const name of ["filter", ...selects]) form[name].value = state.get(name) ?? "";
    const order = state.get("order") === "descending" ? "descending" : "ascending";
    sorting = { key: state.get("sort") ?? "", order };
    apply();
    document.getElementById("claims").scrollIntoView();
  }

  form.addEventListener("input", () => { filter(); remember(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => { event.preventDefault(); clear(); });
  document.getElementById("clear").addEventListener("click", clear);
  window.addEventListener("hashchange", fromAddress);
  form.hidden = false;
  apply();
  fromAddress();
})();
