// The page: either the welcome with its two forms, or the desk with new conversions and the list.

import { call, logIn, logOut, session, whenLoggedOut } from "./api.js";
import { onSubmit } from "./forms.js";
import { showFormats, showOptions } from "./options.js";
import { TaskList } from "./tasks.js";
import { wireUploads } from "./uploads.js";

const byId = (id) => document.getElementById(id);
const say = (text) => { byId("news").textContent = text; };

const told = byId("trouble");
const tell = (text) => {
  told.textContent = text;
  told.hidden = !text;
};

const formats = await call("GET", "/api/formats").catch((error) => {
  tell(`${error.message} Then load this page again.`);
  return [];
});
let list = null;

function showWelcome() {
  list?.stop();
  list = null;
  say("");
  byId("desk").hidden = byId("account").hidden = true;
  byId("welcome").hidden = false;
  showForm("log-in");
}

function showForm(name) {
  for (const id of ["log-in", "sign-up"]) byId(id).hidden = id !== name;
  byId(name).elements.username.focus();
}

async function showDesk(account) {
  byId("account-name").textContent = account.username;
  byId("welcome").hidden = true;
  byId("desk").hidden = byId("account").hidden = false;
  for (const form of [byId("log-in"), byId("sign-up")]) form.reset();
  list = new TaskList(formats, say, tell);
  await list.load();
}

/** Where they logged in by a form that is gone now, the keyboard goes on at the first field. */
async function enterDesk(account) {
  if (formats.length) tell("");
  await showDesk(account);
  byId("files").focus();
}

onSubmit(byId("log-in"), async ({ username, password }) => enterDesk(await logIn(username, password)));
onSubmit(byId("sign-up"), async (given) => {
  await call("POST", "/api/auth/signup", given);
  await enterDesk(await logIn(given.username, given.password1));
});
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => showForm(button.dataset.show));
}
byId("log-out").addEventListener("click", async () => {
  if (uploads.isAnyOnItsWay() && !confirm("Files are still on their way, and would be stopped. Log out?")) return;
  tell("");
  try {
    await logOut();
  } catch (error) {
    tell(`You are still logged in. ${error.message}`);
    return;
  }
  uploads.stop();
  showWelcome();
});
showFormats(byId("formats"), formats, (chosen) => showOptions(byId("options"), chosen));
const uploads = wireUploads(byId("convert"), (tasks) => list?.put(...tasks), say);
whenLoggedOut(() => {
  const lost = uploads.stop() ? " Choose the files again that were still on their way." : "";
  showWelcome(); // and show the next one nothing of it
  tell(`Your session has ended: log in again.${lost}`);
});

const account = await session().catch((error) => {
  tell(`${error.message} If you are logged in, load this page again.`);
  return null;
});
if (account) await showDesk(account);
else showWelcome();
