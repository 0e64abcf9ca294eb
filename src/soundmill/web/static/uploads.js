// Files on their way: chosen or dropped, then sent one after the other, each with its progress.

import { currentSession, service, upload } from "./api.js";
import { inFolders } from "./folders.js";
import { clear, complain, reveal } from "./forms.js";
import { Joining } from "./joining.js";
import { size, together } from "./words.js";

const LONGEST_PAUSE_SECONDS = 60; // for longer nobody waits without a word of theirs

/** Wire the form of new conversions; `onAccepted` gets the tasks of each accepted upload, `say` tells what can't be seen. Gives what tells whether one is on its way, and what stops all of them and tells how many. */
export function wireUploads(form, onAccepted, say) {
  const input = form.querySelector("#files");
  const drop = form.querySelector("#drop");
  const start = form.querySelector("#start");
  const joining = new Joining(form, say);
  let queue = Promise.resolve();

  const ready = () => {
    start.disabled = !joining.files.length || !form.querySelector("[name=newFormat]:checked");
  };
  const choose = (chosen, { isJoined = false, isFromFolders = false } = {}) => {
    joining.show(chosen, isJoined);
    const none = isFromFolders ? "There is no sound in that folder" : "Any audio, or the sound of a video";
    form.querySelector("#chosen").textContent = chosen.length ? told([...chosen]) : none;
    ready();
  };

  input.addEventListener("change", () => choose(input.files));
  form.addEventListener("input", () => clear(form));
  form.addEventListener("change", ready);
  form.addEventListener("invalid", (event) => reveal(event.target), { capture: true });
  wireDrop(drop, choose);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(form);
    const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && value !== "");
    const uploads = joining.isWanted ? [joining.files] : joining.files.map((file) => [file]);
    const asking = currentSession(); // those that wait must not become the next one's who logs in
    const batch = { waiting: new Map(), isJoined: joining.isWanted };
    const onOptionsRefused = (error) => {
      if (!joining.files.length) giveBack(batch, choose);
      complain(form, error);
    };
    for (const files of uploads) {
      const row = addRow(together(files.map((file) => file.name)));
      batch.waiting.set(row, files);
      queue = queue.then(() => send(row, files, fields, asking, onAccepted, onOptionsRefused)).finally(() => batch.waiting.delete(row));
    }
    input.value = "";
    const hadFocus = document.activeElement === start;
    choose([]);
    if (hadFocus) input.focus(); // the button is disabled now
  });
  window.addEventListener("beforeunload", (event) => {
    if (isAnyOnItsWay()) event.preventDefault(); // it would be lost with the page
  });
  document.getElementById("stop-all").addEventListener("click", () => {
    stopAll();
    input.focus(); // the button is gone
  });
  return {
    isAnyOnItsWay,
    stop() {
      input.value = "";
      choose([]);
      return stopAll();
    },
  };
}

/** The same is wrong with all that were sent with the same options: they are chosen again, to be sent with better ones. */
function giveBack({ waiting, isJoined }, choose) {
  const left = [...waiting].filter(([row]) => !row.stopping.signal.aborted);
  choose(left.flatMap(([, files]) => files), { isJoined });
  for (const [row] of left) stop(row);
}

function wireDrop(drop, choose) {
  // Anywhere: a file that misses the zone must not replace the page. But not before somebody has logged in.
  const isOffered = () => drop.offsetParent !== null;
  const show = (isOver) => drop.classList.toggle("over", isOver);
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    const isMeant = isOffered() && event.dataTransfer.types.includes("Files");
    if (!isMeant) event.dataTransfer.dropEffect = "none";
    show(isMeant);
  });
  window.addEventListener("dragleave", (event) => event.relatedTarget || show(false)); // it left the window
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    show(false);
    if (isOffered() && event.dataTransfer.files.length) take(event.dataTransfer);
  });
  const take = async (transfer) => {
    const asking = currentSession();
    const dropped = [...transfer.files]; // the event takes its own along
    const found = await inFolders(transfer)?.catch(() => null); // what can't be read is told when it is sent
    if (asking !== currentSession()) return;
    choose(found ?? dropped, { isFromFolders: Boolean(found) });
  };
}

/** Throws where the browser can't read one of them, which an upload that breaks off doesn't tell, and where it was stopped meanwhile. */
async function refuseUnreadable(files, signal) {
  for (const file of files) {
    try {
      await file.slice(0, 1).arrayBuffer();
    } catch {
      throw new Error(`“${file.name}” can't be read: it is a folder, or was moved, deleted or changed since it was chosen.`);
    }
    signal.throwIfAborted();
  }
}

function addRow(name) {
  const row = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  row.querySelector(".name").textContent = name;
  row.querySelector("progress").setAttribute("aria-label", `Uploading ${name}`);
  row.stopping = new AbortController();
  row.querySelector(".stop").onclick = () => stop(row);
  nameButton(row, ".stop", "Stop");
  nameButton(row, ".resume", "Try again");
  document.getElementById("uploads").append(row);
  offerAll();
  return row;
}

function nameButton(row, which, text) {
  const button = row.querySelector(which);
  button.textContent = text;
  button.setAttribute("aria-label", `${text}: ${row.querySelector(".name").textContent}`);
}

/** One button for all of them, where there are several. */
function offerAll() {
  const rows = document.querySelectorAll("#uploads > *");
  const button = document.getElementById("stop-all");
  button.hidden = rows.length < 2;
  button.textContent = isAnyOnItsWay() ? "Stop all" : "Dismiss all";
}

function isAnyOnItsWay() {
  return document.querySelector("#uploads progress:not([hidden])") !== null;
}

function stopAll() {
  const rows = document.querySelectorAll("#uploads > *");
  rows.forEach(stop);
  return rows.length;
}

function stop(row) {
  row.stopping.abort();
  remove(row);
}

function remove(row) {
  const hadFocus = row.contains(document.activeElement);
  const neighbour = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  offerAll();
  if (hadFocus) (neighbour?.querySelector(".stop") ?? document.getElementById("files")).focus();
}

async function send(row, files, fields, asking, onAccepted, onOptionsRefused) {
  const { signal } = row.stopping;
  if (signal.aborted) return;
  const body = new FormData();
  fields.forEach(([name, value]) => body.append(name, value));
  for (const file of files) body.append("fileName", file, file.name);
  const state = row.querySelector(".state");
  const key = unique(); // sent again after a lost answer it takes effect once
  const progress = (fraction) => {
    row.querySelector("progress").value = fraction;
    state.textContent = fraction < 1 ? `uploading ${Math.floor(fraction * 100)} %` : "storing";
  };
  try {
    const answer = await sent(row, files, signal, () => upload(body, progress, signal, asking, key));
    remove(row);
    if (asking === currentSession()) onAccepted(answer.tasks ?? [answer]);
  } catch (error) {
    if (signal.aborted) return;
    state.textContent = "refused";
    row.querySelector("progress").hidden = true;
    nameButton(row, ".stop", "Dismiss");
    offerAll();
    showError(row, [error.message, ...(error.fields ?? []).map((each) => each.message)].join(" "));
    if (error.fields?.length) onOptionsRefused(error);
  }
}

/** The answer of `attempt`. Where it isn't taken for now, what stands behind waits too, until it is time, or the user or the network says to try again. */
async function sent(row, files, signal, attempt) {
  const resume = row.querySelector(".resume");
  let pause;
  for (;;) {
    await refuseUnreadable(files, signal);
    try {
      return await attempt();
    } catch (error) {
      if (!error.isForNow) throw error;
      if (error.status === 0) await refuseUnreadable(files, signal);
      row.querySelector(".state").textContent = error.status === 0 ? "broken off" : "not taken yet";
      row.querySelector("progress").value = 0;
      showError(row, error.message);
      resume.hidden = false;
      pause = error.retryAfter <= LONGEST_PAUSE_SECONDS ? error.retryAfter : null;
    }
    await asked(resume, signal, pause);
    showError(row);
    if (document.activeElement === resume) row.querySelector(".stop").focus();
    resume.hidden = true;
  }
}

function asked(resume, signal, pauseSeconds) {
  signal.throwIfAborted();
  const waiting = new AbortController(); // its end takes the listeners away
  let timer;
  return new Promise((resolve, reject) => {
    resume.onclick = resolve;
    if (pauseSeconds) timer = setTimeout(resolve, pauseSeconds * 1000);
    for (const [source, event] of [[window, "online"], [service, "back"]]) source.addEventListener(event, resolve, { signal: waiting.signal });
    signal.addEventListener("abort", () => reject(signal.reason), { signal: waiting.signal });
  }).finally(() => {
    waiting.abort();
    clearTimeout(timer);
  });
}

function showError(row, message) {
  const told = row.querySelector(".error");
  told.textContent = message ?? "";
  told.hidden = !message;
}

function unique() {
  return [...crypto.getRandomValues(new Uint32Array(4))].join("-");
}

function told(files) {
  const bytes = size(files.reduce((sum, file) => sum + file.size, 0));
  return files.length === 1 ? `${files[0].name}, ${bytes}` : `${files.length} files, ${bytes}`;
}
