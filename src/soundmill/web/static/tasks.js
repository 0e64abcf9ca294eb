// The list of tasks, kept like the service's, where other tabs and devices of the account change it, too.

import { call, newer } from "./api.js";
import { fill, isUnderWay, makeRow, SAID, showError } from "./row.js";

const PAGE = 50;
const MOST = 1000; // that the service gives at once
const PAUSE_MS = 500;
const QUIET_PAUSE_MS = 4000;
const LONGEST_PAUSE_MS = 8000;
const ROUNDS_OF_A_LOOK = QUIET_PAUSE_MS / PAUSE_MS;
const FAILURES_TO_TELL = 3; // less mends itself while one looks

export class TaskList {
  #tasks = new Map(); // by id
  #rows = new Map();
  #formats;
  #oldest = Infinity; // whatever the service has from this id on is in the list
  #changes = 0;
  #changed = new Map(); // id → the number of its last change made here: answers to earlier questions don't know of it
  #timer;
  #due = Infinity;
  #isAsking = false;
  #rounds = 1; // the first look is made by load()
  #failures = 0;
  #hasComplained = false;
  #ended = []; // since something was said
  #seen = new Map(); // by where a look began: its answer's tag, and the oldest task in it
  #below = null; // where the next look at older ones begins
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
    document.addEventListener("visibilitychange", () => this.#comeBack(), { signal });
    // The next row comes to where this one was: a key held down, or a second click, would delete it as well.
    this.list.addEventListener("keydown", (event) => event.repeat && event.key === "Enter" && event.preventDefault(), { signal });
    this.list.addEventListener("click", (event) => event.detail === 2 && refuse(event), { signal, capture: true });
  }

  /** No more asking, and what is on its way is let go; the list is emptied. */
  stop() {
    this.#life.abort();
    clearTimeout(this.#timer);
    this.#takeBack();
    this.list.replaceChildren();
    this.more.hidden = true;
  }

  /** Take in tasks that the service has just given. */
  put(...tasks) {
    for (const task of tasks) {
      this.#changed.set(task.id, ++this.#changes);
      this.#show(task);
    }
    this.#settle();
    this.#goOn();
  }

  /** The newest, or those older than all that are shown. */
  async load() {
    try {
      await this.#extend();
    } catch (error) {
      if (this.#isOver) return;
      this.#settle();
      this.#failures += 1;
      this.#complain("Your conversions can't be shown.", error);
    }
    this.#goOn();
  }

  get #isOver() {
    return this.#life.signal.aborted;
  }

  get #underWay() {
    return [...this.#tasks.values()].filter(isUnderWay);
  }

  /** Who comes back to the tab sees at once what happened meanwhile. */
  #comeBack() {
    this.#rounds = 0;
    if (!document.hidden) this.#goOn(0);
  }

  /** Ask again, at the latest after the pause that is usual now. A tab that nobody sees asks nothing. */
  #goOn(pause = this.#pause) {
    if (this.#isOver || this.#isAsking || document.hidden) return;
    const due = performance.now() + pause;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#round(), pause);
  }

  get #pause() {
    if (this.#failures) return Math.min(PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
    return this.#underWay.length ? PAUSE_MS : QUIET_PAUSE_MS;
  }

  async #round() {
    this.#due = Infinity;
    if (document.hidden) return;
    this.#isAsking = true;
    try {
      await this.#ask();
      if (!this.#isOver) this.#takeBack();
    } catch (error) {
      if (this.#isOver) return;
      this.#failures += 1;
      if (this.#failures === FAILURES_TO_TELL && !this.#hasComplained) this.#complain("How your conversions go on can't be shown.", error);
    } finally {
      this.#isAsking = false;
    }
    this.#goOn();
  }

  /** What is under way is asked for each time, all else that is shown now and then: it changes only by somebody's doing. */
  async #ask() {
    const underWay = this.#underWay;
    const isLook = this.#rounds++ % ROUNDS_OF_A_LOOK === 0 || !underWay.length;
    if (this.#oldest === Infinity) await this.#extend();
    else if (isLook) await this.#look();
    else await this.#follow(Math.min(...underWay.map((task) => task.id)));
  }

  /** From the oldest that is under way up to the newest. */
  async #follow(oldest) {
    const asked = this.#changes;
    const max = Math.min([...this.#tasks.keys()].filter((id) => id >= oldest).length + PAGE, MOST);
    const tasks = await call("GET", `/api/tasks?order=0&after=${oldest - 1}&max=${max}`);
    this.#takeIn(tasks, oldest, tasks.length < max ? Infinity : tasks.at(-1).id, asked);
  }

  /** At the newest page, and one of those below it after the other. */
  async #look() {
    const newest = await this.#lookAt(null);
    const reached = newest > this.#oldest ? await this.#lookAt(this.#below ?? newest) : 0;
    this.#below = reached > this.#oldest ? reached : null;
  }

  /** Take in the page below this task (`null`: the newest); gives its oldest. */
  async #lookAt(after) {
    const asked = this.#changes;
    const before = this.#seen.get(after);
    const answer = await newer(`/api/tasks?order=1&max=${PAGE}${after === null ? "" : `&after=${after}`}`, before?.tag);
    if (!answer) return before.oldest;
    const tasks = answer.json;
    const oldest = tasks.length < PAGE ? 0 : tasks.at(-1).id;
    this.#takeIn(tasks, oldest, after === null ? Infinity : after - 1, asked);
    if (before && oldest !== before.oldest) this.#seen.clear(); // the pages below begin elsewhere now
    if (asked === this.#changes) this.#seen.set(after, { tag: answer.tag, oldest });
    return oldest;
  }

  async #extend() {
    const asked = this.#changes;
    const newest = this.#oldest - 1;
    const below = newest === Infinity ? "" : `&after=${this.#oldest}`;
    const tasks = await call("GET", `/api/tasks?order=1&max=${PAGE}${below}`);
    if (this.#isOver) return;
    this.#takeBack();
    const hadFocus = document.activeElement === this.more;
    this.#oldest = Math.min(this.#oldest, tasks.length < PAGE ? 0 : tasks.at(-1).id);
    this.more.hidden = this.#oldest === 0;
    this.#takeIn(tasks, this.#oldest, newest, asked);
    if (hadFocus && this.more.hidden) focusOn(this.list.lastElementChild, ".delete");
  }

  /** The service's tasks from one id to another, as they were when `asked` changes had been made here. */
  #takeIn(tasks, from, to, asked) {
    if (this.#isOver) return;
    const isKnownBetter = (id) => this.#changed.get(id) > asked;
    const given = new Set(tasks.map((task) => task.id));
    for (const id of [...this.#tasks.keys()]) {
      if (id >= from && id <= to && !given.has(id) && !isKnownBetter(id)) this.#drop(id); // deleted elsewhere
    }
    for (const task of tasks) {
      if (task.id >= this.#oldest && !isKnownBetter(task.id)) this.#show(task);
    }
    this.#settle();
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
    const row = this.#rows.get(task.id) ?? this.#addRow(task.id);
    if (before && isUnderWay(before) && !isUnderWay(task)) this.#ended.push(task);
    fill(row, task);
  }

  #addRow(id) {
    const row = makeRow(this.#formats, (method, path, body) => this.#act(id, method, path, body));
    row.dataset.id = id;
    this.#rows.set(id, row);
    const next = [...this.list.children].find((other) => Number(other.dataset.id) < id);
    this.list.insertBefore(row, next ?? null);
    return row;
  }

  async #act(id, method, path, body) {
    let task;
    try {
      task = await call(method, `/api/tasks/${id}${path}`, body);
    } catch (error) {
      if (error.status !== 404) return this.#refused(id, error);
    }
    if (this.#isOver) return;
    if (task) this.put(task);
    else this.#removeByHand(id);
  }

  #refused(id, error) {
    if (this.#isOver || !this.#tasks.has(id)) return;
    showError(this.#rows.get(id), error.message);
    this.#say(`${this.#tasks.get(id).fileName}: ${error.message}`);
  }

  #removeByHand(id) {
    if (!this.#tasks.has(id)) return; // a look was faster
    this.#say(`${this.#tasks.get(id).fileName}: deleted`);
    this.#changed.set(id, ++this.#changes);
    this.#drop(id, ".delete");
    this.#settle();
  }

  /** Where the row had the focus, it goes to this part of the next one, or to that row itself. */
  #drop(id, part) {
    const row = this.#rows.get(id);
    const hadFocus = row.contains(document.activeElement);
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    this.#rows.delete(id);
    this.#tasks.delete(id);
    if (hadFocus) focusOn(neighbour, part);
  }

  /** What follows from tasks that were shown or dropped. */
  #settle() {
    document.getElementById("empty").hidden = this.#tasks.size > 0 || this.#oldest > 0;
    if (this.#ended.length) this.#say(howTheyEnded(this.#ended));
    this.#ended = [];
  }
}

function refuse(event) {
  event.preventDefault();
  event.stopPropagation();
}

/** Who works by keyboard goes on there; without a row where new ones are made. */
function focusOn(row, part) {
  if (row && !part) row.tabIndex = -1;
  (row && part ? row.querySelector(part) : row ?? document.getElementById("files")).focus();
}

/** One sentence, however many ended at once: who hears it can't skip. */
function howTheyEnded([task, ...others]) {
  if (!others.length) return `${task.status === "processed" ? task.resultName : task.fileName}: ${SAID[task.status]}`;
  const count = (status) => [task, ...others].filter((each) => each.status === status).length;
  return ["processed", "failed", "cancelled"].filter(count).map((status) => `${count(status)} ${SAID[status]}`).join(", ");
}
