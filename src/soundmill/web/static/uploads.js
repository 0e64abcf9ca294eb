// Files on their way: chosen or dropped, then sent one after the other, each with its progress.

import { upload } from "./api.js";
import { clear, complain } from "./forms.js";
import { size } from "./tasks.js";

/** Wire the form of new conversions; `onAccepted` gets the tasks of each accepted file. */
export function wireUploads(form, onAccepted) {
  const input = form.querySelector("#files");
  const drop = form.querySelector("#drop");
  const start = form.querySelector("#start");
  let files = [];
  let queue = Promise.resolve();

  const ready = () => {
    start.disabled = !files.length || !form.querySelector("[name=newFormat]:checked");
  };
  const choose = (chosen) => {
    files = [...chosen];
    form.querySelector("#chosen").textContent = files.length ? told(files) : "Any audio, or the sound of a video";
    ready();
  };

  input.addEventListener("change", () => choose(input.files));
  form.addEventListener("input", () => clear(form));
  form.addEventListener("change", ready);
  wireDrop(drop, choose);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(form);
    const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && value !== "");
    for (const file of files) {
      const row = addRow(file);
      queue = queue.then(() => send(form, row, file, fields, onAccepted));
    }
    input.value = "";
    choose([]);
  });
}

function wireDrop(drop, choose) {
  // A file that misses the zone must not replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, () => drop.classList.add("over"));
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length) choose(event.dataTransfer.files);
  });
}

function addRow(file) {
  const row = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  row.querySelector(".name").textContent = file.name;
  row.querySelector("progress").setAttribute("aria-label", `Uploading ${file.name}`);
  row.stopping = new AbortController();
  row.querySelector(".stop").onclick = () => {
    row.stopping.abort();
    row.remove();
  };
  document.getElementById("uploads").append(row);
  return row;
}

async function send(form, row, file, fields, onAccepted) {
  const { signal } = row.stopping;
  if (signal.aborted) return;
  const body = new FormData();
  fields.forEach(([name, value]) => body.append(name, value));
  body.append("fileName", file, file.name);
  const state = row.querySelector(".state");
  const progress = (fraction) => {
    row.querySelector("progress").value = fraction;
    state.textContent = fraction < 1 ? `uploading ${Math.floor(fraction * 100)} %` : "storing";
  };
  try {
    const answer = await upload(body, progress, signal);
    row.remove();
    onAccepted(answer.tasks ?? [answer]);
  } catch (error) {
    if (signal.aborted) return;
    state.textContent = "refused";
    row.querySelector("progress").hidden = true;
    row.querySelector(".stop").textContent = "Dismiss";
    const told = row.querySelector(".error");
    told.textContent = [error.message, ...(error.fields ?? []).map((each) => each.message)].join(" ");
    told.hidden = false;
    if (error.fields?.length) complain(form, error);
  }
}

function told(files) {
  const bytes = size(files.reduce((sum, file) => sum + file.size, 0));
  return files.length === 1 ? `${files[0].name}, ${bytes}` : `${files.length} files, ${bytes}`;
}
