/* Brings the parts of a page that are marked with data-live up to date: see bingproject/operators/live_updates.py. */
"use strict";
{
  const SLOWEST_SECONDS = 60;
  const LEAVING_MILLISECONDS = 5000;
  // Each exchange of a list's rows leaves listeners of the theme's script behind.
  const MOST_EXCHANGES = 300;
  let timer = 0;
  let failures = 0;
  let exchanges = 0;
  let leftAt = 0;

  /* Not while a dialog is open, nor while the page is being left: a reload would take the place of where it goes to. A
     download begins like a page that is left, so that it counts for some seconds only. */
  const mayReload = () =>
    Date.now() - leftAt > LEAVING_MILLISECONDS && !document.querySelector("#modal-overlay:not([style*='display: none'])");

  const parts = () => [...document.querySelectorAll("[data-live]")];
  const seconds = () => Math.min(...parts().map((part) => Number(part.dataset.liveSeconds)).filter((one) => one > 0));

  const say = (text) => {
    for (const note of document.querySelectorAll("[data-live-note]")) note.textContent = text;
  };

  /* Nothing changes under the hands of somebody who marks text. */
  const isMarked = (part) => {
    const marked = window.getSelection();
    return marked && !marked.isCollapsed && part.contains(marked.anchorNode);
  };

  const redrawCharts = () => {
    for (const canvas of document.querySelectorAll(".chart")) window.Chart?.getChart(canvas)?.destroy();
    if (typeof renderCharts === "function") renderCharts();
  };

  const rowsOf = (part) =>
    new Map([...part.querySelectorAll("#result_list tr.data-row")].map((row, at) => [keyOf(row) ?? `row ${at}`, row]));
  const keyOf = (row) => row.querySelector("input.action-select")?.value ?? row.querySelector("th a, td a")?.href;

  const updateCells = (row, fresh) => {
    const cells = [...row.children];
    [...fresh.children].forEach((cell, at) => {
      const old = cells[at];
      if (old && !old.querySelector("input") && old.innerHTML !== cell.innerHTML) old.innerHTML = cell.innerHTML;
    });
  };

  const HOW = {
    /* A list: cells in their rows; other rows than before only while none is chosen for an action. */
    rows(part, fresh) {
      const old = rowsOf(part);
      const found = rowsOf(fresh);
      const isSame = old.size === found.size && [...old.keys()].join("\n") === [...found.keys()].join("\n");
      if (isSame || part.querySelector("input.action-select:checked")) {
        for (const [key, row] of found) if (old.has(key)) updateCells(old.get(key), row);
        return;
      }
      exchanges += 1;
      if (exchanges > MOST_EXCHANGES && mayReload()) window.location.reload();
      part.innerHTML = fresh.innerHTML;
      const boxes = part.querySelectorAll("tr input.action-select");
      if (boxes.length && window.Actions) window.Actions(boxes, { parent: part.closest(".result-list-wrapper") });
    },
    /* A part that only shows something. */
    html(part, fresh) {
      if (part.innerHTML !== fresh.innerHTML) part.innerHTML = fresh.innerHTML;
    },
    /* A form: what it shows beside its fields, never what is being typed. */
    fields(part, fresh) {
      const old = [...part.querySelectorAll(".readonly")];
      const found = [...fresh.querySelectorAll(".readonly")];
      if (old.length !== found.length) return;
      old.forEach((one, at) => {
        if (one.innerHTML !== found[at].innerHTML) one.innerHTML = found[at].innerHTML;
      });
    },
    /* Cards that know their version: those that changed. */
    cards(part, fresh) {
      const old = new Map([...part.children].map((card) => [card.dataset.version, card]));
      const found = [...fresh.children];
      if (found.length === old.size && found.every((card) => old.has(card.dataset.version))) return;
      part.replaceChildren(...found.map((card) => old.get(card.dataset.version) ?? document.importNode(card, true)));
      redrawCharts();
    },
  };

  const update = (page) => {
    const isDone = page.querySelector("[data-live-done]") !== null;
    for (const part of parts()) {
      const fresh = page.getElementById(part.id);
      if (!fresh || isMarked(part)) continue;
      HOW[part.dataset.live](part, fresh);
      if (!isDone) part.dataset.liveSeconds = fresh.dataset.liveSeconds;
    }
    // What can be done with it has changed, too: the buttons are outside of all parts. If not now, then next time.
    if (isDone && mayReload()) window.location.reload();
  };

  const look = async () => {
    window.clearTimeout(timer);
    if (document.hidden || !Number.isFinite(seconds())) return;
    try {
      const answer = await fetch(window.location.href, {
        headers: { "X-Live": "1" },
        redirect: "manual",
        cache: "no-store",
      });
      if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) {
        say("This page is not updated any more: reload it.");
        return;
      }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      update(new DOMParser().parseFromString(await answer.text(), "text/html"));
      failures = 0;
      say("Updates by itself.");
    } catch {
      failures += 1;
      say("Not updated now, since the server does not answer. It is asked again.");
    }
    plan();
  };

  const plan = () => {
    window.clearTimeout(timer);
    if (!Number.isFinite(seconds())) return;
    timer = window.setTimeout(look, 1000 * Math.min(seconds() * 2 ** failures, Math.max(SLOWEST_SECONDS, seconds())));
  };

  window.addEventListener("beforeunload", () => {
    leftAt = Date.now();
  });
  window.addEventListener("load", () => {
    if (!Number.isFinite(seconds())) return;
    say("Updates by itself.");
    plan();
    // A page nobody sees asks for nothing.
    document.addEventListener("visibilitychange", look);
  });
}
