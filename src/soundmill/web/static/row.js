// One task of the list, as it is shown.

import { size, time, together } from "./words.js";

const UNDER_WAY = new Set(["uploaded", "processing"]);
export const SAID = { uploaded: "waiting", processing: "converting", processed: "ready", failed: "failed", cancelled: "cancelled" };

/** True as long as the service has something to do for it. */
export function isUnderWay(task) {
  return UNDER_WAY.has(task.status);
}

/** An empty row; `act` is called with what its buttons ask of the service: method, path behind the task's, body. */
export function makeRow(formats, act) {
  const row = document.getElementById("task-row").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`.${name}`);
  const select = row.querySelector("select");
  select.append(new Option("Convert to …", ""), ...formats.map((format) => new Option(format.name.toUpperCase(), format.name)));
  // Not by the choice alone: each arrow key is one, and the result that was there is deleted.
  const redo = part("redo");
  const chosen = () => {
    redo.hidden = !select.value;
    redo.setAttribute("aria-label", `Convert ${row.dataset.name} to ${select.value}`);
  };
  select.addEventListener("change", chosen);
  redo.onclick = () => {
    act("PUT", "", { newFormat: select.value });
    select.value = "";
    select.focus();
    chosen();
  };
  part("cancel").onclick = () => act("POST", "/cancel");
  part("salvage").onclick = () => {
    const { newFormat, options } = row.shown;
    act("PUT", "", { newFormat, options: { ...options, onDamage: "salvage" } });
  };
  part("retry").onclick = () => act("POST", "/retry");
  part("delete").onclick = () => act("DELETE", "");
  return row;
}

/** Show the task in its row. */
export function fill(row, task) {
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  const part = (name) => row.querySelector(`.${name}`);
  const underWay = isUnderWay(task);
  row.shown = task;
  row.dataset.status = task.status;
  row.dataset.name = task.fileName;
  const names = task.sources?.map((source) => source.fileName) ?? [task.fileName];
  part("name").textContent = together(names);
  part("name").title = names.join("\n");
  part("format").textContent = task.resultName.endsWith(".zip") ? `${task.newFormat} in a ZIP` : task.newFormat;
  const percent = Math.floor(task.progress * 100);
  part("state").textContent = task.status === "processing" ? `${SAID.processing} ${percent} %` : SAID[task.status];
  const bar = row.querySelector("progress");
  bar.hidden = !underWay;
  bar.value = task.status === "processing" ? task.progress : 0;
  bar.setAttribute("aria-label", `${task.fileName} to ${task.newFormat}`);
  part("facts").textContent = joined([...(task.status === "processed" ? facts(task.result) : []), ...keeping(task)]);
  showError(row, task.error?.message);
  part("lost").hidden = !task.notCarried.length;
  part("lost").textContent = `Not carried over: ${task.notCarried.join(", ")}`;
  showWave(part("wave"), task);
  const download = part("download");
  download.hidden = task.status !== "processed";
  if (task.result) {
    download.href = task.result.url;
    download.download = task.resultName;
    download.setAttribute("aria-label", `Download ${task.resultName}`);
  }
  part("cancel").hidden = !underWay;
  // A damaged file stays what it is, however often it is tried.
  const canBeSalvaged = task.error?.code === "damaged_input" && task.options.onDamage !== "salvage";
  part("salvage").hidden = !canBeSalvaged;
  part("retry").hidden = canBeSalvaged || !["failed", "cancelled"].includes(task.status);
  row.querySelector("select").setAttribute("aria-label", `Convert into another format: ${task.fileName}`);
  for (const name of ["cancel", "salvage", "retry", "delete"]) part(name).setAttribute("aria-label", `${part(name).textContent}: ${task.fileName}`);
  // Who works by keyboard goes on where they were.
  if (focused?.hidden) ["download", "cancel", "salvage", "retry"].map(part).find((each) => !each.hidden).focus();
}

/** Show why the service refused what was asked for this task, or take that back. */
export function showError(row, message) {
  const told = row.querySelector(".error");
  told.hidden = !message;
  told.textContent = message ?? "";
}

/** What the result looks like, in the page's own colour. Tasks from before there were waveforms have none. */
function showWave(image, task) {
  image.hidden = task.status !== "processed";
  if (image.hidden) return;
  const colour = matchMedia("(prefers-color-scheme: dark)").matches ? "2dd4bf" : "0f766e";
  image.alt = `Waveform of ${task.resultName}`;
  image.onerror = () => { image.hidden = true; };
  image.src = `/api/tasks/${task.id}/waveform.png?width=1400&height=96&colour=${colour}`;
}

function facts(result) {
  const parts = [size(result.size)];
  if (result.duration != null) parts.push(time(result.duration));
  if (result.sampleRate) parts.push(`${result.sampleRate / 1000} kHz`);
  if (result.channels) parts.push({ 1: "mono", 2: "stereo" }[result.channels] ?? `${result.channels} channels`);
  if (result.bitRate) parts.push(`${Math.round(result.bitRate / 1000)} kbit/s`);
  return parts;
}

/** Until when it can be had, where the service doesn't keep all for ever. */
function keeping({ expiresAt }) {
  return expiresAt ? [`kept until ${new Date(expiresAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`] : [];
}

function joined(parts) {
  return parts.map((each) => each.replaceAll(" ", "\u00a0")).join(" · "); // a number stays with its unit
}
