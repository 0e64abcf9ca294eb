// The list of tasks, kept like the service's: asked for again while something in it is under way.

import { call } from "./api.js";

const PAGE = 50;
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;
const FAILURES_TO_TELL = 3; // less mends itself while one looks
const UNDER_WAY = new Set(["uploaded", "processing"]);
const SAID = { uploaded: "waiting", processing: "converting", processed: "ready", failed: "failed", cancelled: "cancelled" };

export class TaskList {
  #tasks = new Map(); // by id
  #rows = new Map();
  #formats;
  #timer;
  #turn = 0; // an answer to an earlier one is older than what is shown
  #failures = 0;
  #hasComplained = false;
  #life = new AbortController();
  #say;
  #tell;

  constructor(formats, say, tell) {
    this.#formats = formats;
    this.#say = say;
    this.#tell = tell;
    this.list = document.getElementById("tasks");
    this.more = document.getElementById("more");
    const { signal } = this.#life;
    this.more.addEventListener("click", () => this.load(), { signal });
    document.addEventListener("visibilitychange", () => this.refresh(), { signal });
  }

  /** No more asking, and what is on its way is let go; the list is emptied. */
  stop() {
    this.#life.abort();
    this.refresh();
    this.#takeBack();
    this.list.replaceChildren();
    this.more.hidden = true;
  }

  /** Take in tasks that the service has just given. */
  put(...tasks) {
    for (const task of tasks) this.#show(task);
    this.#settle();
    this.refresh();
  }

  refresh() {
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    const underWay = [...this.#tasks.values()].filter((task) => UNDER_WAY.has(task.status));
    if (this.#isOver || document.hidden || !underWay.length) return;
    const pause = Math.min(PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    this.#timer = setTimeout(() => this.#ask(underWay, turn), pause);
  }

  get #isOver() {
    return this.#life.signal.aborted;
  }

  /** Ask for the newest down to the oldest that is under way: what is final doesn't change by itself. */
  async #ask(underWay, turn) {
    const oldest = Math.min(...underWay.map((task) => task.id));
    const asked = [...this.#tasks.keys()].filter((id) => id >= oldest);
    const max = Math.min(asked.length + PAGE, 1000);
    try {
      const tasks = await call("GET", `/api/tasks?order=0&after=${oldest - 1}&max=${max}`);
      if (turn !== this.#turn) return; // what ended it asks again where there is need
      const given = new Set(tasks.map((task) => task.id));
      const reached = tasks.length < max ? Infinity : Math.max(...given);
      for (const id of asked) if (id <= reached && !given.has(id)) this.#drop(id); // deleted elsewhere
      tasks.forEach((task) => this.#show(task));
      this.#settle();
      this.#takeBack();
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#failures += 1;
      if (this.#failures === FAILURES_TO_TELL) this.#complain("How your conversions go on can't be shown.", error);
    }
    this.refresh();
  }

  /** The newest, or those older than all that are shown. */
  async load() {
    const after = this.#tasks.size ? `&after=${Math.min(...this.#tasks.keys())}` : "";
    let tasks;
    try {
      tasks = await call("GET", `/api/tasks?order=1&max=${PAGE}${after}`);
    } catch (error) {
      if (this.#isOver) return;
      this.more.hidden = false; // to try again
      this.#settle();
      this.#complain("Your conversions can't be shown.", error);
      return;
    }
    if (this.#isOver) return;
    this.#takeBack();
    const hadFocus = document.activeElement === this.more;
    tasks.forEach((task) => this.#show(task));
    this.more.hidden = tasks.length < PAGE;
    if (hadFocus && this.more.hidden) focusOn(this.list.lastElementChild);
    this.#settle();
    this.refresh();
  }

  #complain(what, error) {
    this.#hasComplained = true;
    this.#tell(`${what} ${error.message}`);
  }

  /** The service answers: no complaint of ours stands any longer. */
  #takeBack() {
    if (this.#hasComplained) this.#tell("");
    this.#hasComplained = false;
    this.#failures = 0;
  }

  #show(task) {
    const before = this.#tasks.get(task.id);
    this.#tasks.set(task.id, task);
    if (JSON.stringify(before) === JSON.stringify(task)) return;
    const row = this.#rows.get(task.id) ?? this.#addRow(task);
    if (before && UNDER_WAY.has(before.status) && !UNDER_WAY.has(task.status)) {
      this.#say(`${task.status === "processed" ? task.resultName : task.fileName}: ${SAID[task.status]}`);
    }
    fill(row, task);
  }

  #addRow(task) {
    const row = document.getElementById("task-row").content.firstElementChild.cloneNode(true);
    row.dataset.id = task.id;
    const select = row.querySelector("select");
    select.append(new Option("Convert to …", ""), ...this.#formats.map((format) => new Option(format.name.toUpperCase(), format.name)));
    // Not by the choice alone: each arrow key is one, and the result that was there is deleted.
    const redo = row.querySelector(".redo");
    const chosen = () => {
      redo.hidden = !select.value;
      redo.setAttribute("aria-label", `Convert ${this.#tasks.get(task.id).fileName} to ${select.value}`);
    };
    select.addEventListener("change", chosen);
    redo.onclick = () => {
      this.#act(row, "PUT", "", { newFormat: select.value });
      select.value = "";
      select.focus();
      chosen();
    };
    row.querySelector(".cancel").onclick = () => this.#act(row, "POST", "/cancel");
    row.querySelector(".retry").onclick = () => this.#act(row, "POST", "/retry");
    row.querySelector(".delete").onclick = () => this.#act(row, "DELETE", "");
    this.#rows.set(task.id, row);
    const next = [...this.list.children].find((other) => Number(other.dataset.id) < task.id);
    this.list.insertBefore(row, next ?? null);
    return row;
  }

  async #act(row, method, path, body) {
    const id = Number(row.dataset.id);
    let task;
    try {
      task = await call(method, `/api/tasks/${id}${path}`, body);
    } catch (error) {
      if (error.status !== 404) return showError(row, error.message);
    }
    if (this.#isOver) return;
    if (task) this.put(task);
    else this.#removeByHand(id);
  }

  #removeByHand(id) {
    const row = this.#rows.get(id);
    const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
    this.#say(`${this.#tasks.get(id)?.fileName ?? "It"}: deleted`);
    this.#drop(id);
    this.#settle();
    this.refresh();
    focusOn(neighbour);
  }

  #drop(id) {
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
    this.#tasks.delete(id);
  }

  #settle() {
    document.getElementById("empty").hidden = this.#tasks.size > 0 || !this.more.hidden;
  }
}

/** Who works by keyboard goes on at this row; without one where new ones are made. */
function focusOn(row) {
  (row?.querySelector(".delete") ?? document.getElementById("files")).focus();
}

function fill(row, task) {
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  const part = (name) => row.querySelector(`.${name}`);
  const underWay = UNDER_WAY.has(task.status);
  row.dataset.status = task.status;
  const names = task.sources?.map((source) => source.fileName) ?? [task.fileName];
  part("name").textContent = together(names);
  part("name").title = names.join("\n");
  part("format").textContent = task.newFormat;
  const percent = Math.floor(task.progress * 100);
  part("state").textContent = task.status === "processing" ? `${SAID.processing} ${percent} %` : SAID[task.status];
  const bar = row.querySelector("progress");
  bar.hidden = !underWay;
  bar.value = task.status === "processing" ? task.progress : 0;
  bar.setAttribute("aria-label", `${task.fileName} to ${task.newFormat}`);
  part("facts").textContent = task.status === "processed" ? facts(task.result) : "";
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
  part("retry").hidden = !["failed", "cancelled"].includes(task.status);
  for (const name of ["cancel", "retry", "delete"]) part(name).setAttribute("aria-label", `${part(name).textContent}: ${task.fileName}`);
  // Who works by keyboard goes on where they were.
  if (focused?.hidden) ["download", "cancel", "retry"].map(part).find((each) => !each.hidden).focus();
}

/** What the result looks like, in the page's own colour. Tasks from before there were waveforms have none. */
function showWave(image, task) {
  image.hidden = true;
  if (task.status !== "processed") return;
  const colour = matchMedia("(prefers-color-scheme: dark)").matches ? "2dd4bf" : "0f766e";
  image.alt = `Waveform of ${task.resultName}`;
  image.onload = () => { image.hidden = false; };
  image.src = `/api/tasks/${task.id}/waveform.png?width=1400&height=96&colour=${colour}`;
}

function showError(row, message) {
  const told = row.querySelector(".error");
  told.hidden = !message;
  told.textContent = message ?? "";
}

function facts(result) {
  const parts = [size(result.size)];
  if (result.duration != null) parts.push(time(result.duration));
  if (result.sampleRate) parts.push(`${result.sampleRate / 1000} kHz`);
  if (result.channels) parts.push({ 1: "mono", 2: "stereo" }[result.channels] ?? `${result.channels} channels`);
  if (result.bitRate) parts.push(`${Math.round(result.bitRate / 1000)} kbit/s`);
  return parts.join(" · ");
}

/** What files that belong together are called. */
export function together([first, ...others]) {
  return others.length ? `${first} and ${others.length} more` : first;
}

/** Bytes for people. */
export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let step = 0;
  for (; bytes >= 1000 && step < units.length - 1; step += 1) bytes /= 1000;
  return `${step && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[step]}`;
}

function time(seconds) {
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${two(whole % 60)}`;
}
