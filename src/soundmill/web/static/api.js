// The service's HTTP API as the page uses it: the session's cookie goes along by itself, the CSRF token by us.

// No answer at all, too much for now, what stands between us and the service, and no room.
const FOR_NOW = new Set([0, 429, 502, 503, 504, 507]);

/** What the service answered when it refused: a sentence, and one a field where fields are wrong. */
export class Refusal extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail || "The service doesn't answer as it should. Try again.");
    this.status = status;
    this.fields = problem?.errors ?? [];
    this.retryAfter = Number(retryAfter) || null; // in seconds
  }

  /** True where the same may be taken another time. */
  get isForNow() {
    return FOR_NOW.has(this.status);
  }
}

const EMPTY = new Set([204, 304]);
const LONGEST_MS = 60_000; // a network that was lost may never tell it

/** Fires “back” when the service answers again after it didn't. */
export const service = new EventTarget();

let isAway = false;
let csrfToken = null;
let onLoggedOut = () => {};
const otherTabs = new BroadcastChannel("soundmill");
otherTabs.addEventListener("message", ({ data }) => endOf(data.ended));

/** Call `handler` when the service no longer knows the session. */
export function whenLoggedOut(handler) {
  onLoggedOut = handler;
}

/** Ask the service; gives the answer's JSON, or null when it has none. Throws a Refusal. */
export async function call(method, path, body) {
  const { json } = await request(method, path, body && JSON.stringify(body), body && { "Content-Type": "application/json" });
  return json;
}

/** What is there, as `json` with its `tag`; null where that is the tag which was given. Throws a Refusal. */
export async function newer(path, tag = '"none"') {
  const answer = await request("GET", path, undefined, { "If-None-Match": tag });
  return answer.status === 304 ? null : answer;
}

async function request(method, path, body, headers) {
  const asking = csrfToken;
  const allHeaders = { ...headers, ...(csrfToken && { "X-CSRF-Token": csrfToken }) };
  let answer, json;
  try {
    answer = await fetch(path, { method, headers: allHeaders, body, signal: AbortSignal.timeout(LONGEST_MS) });
    json = EMPTY.has(answer.status) ? null : await answer.json();
  } catch {
    if (!answer || answer.ok) {
      isAway = true;
      throw new Refusal(0, { detail: navigator.onLine ? "The service can't be reached. Is it running?" : "There is no network." });
    }
    json = null; // a refusal of something between us and the service
  }
  if (isAway) service.dispatchEvent(new Event("back"));
  isAway = false;
  if (answer.ok || answer.status === 304) return { status: answer.status, tag: answer.headers.get("ETag"), json };
  throw refusal(answer.status, json, asking);
}

/** Who is logged in, or null. */
export async function session() {
  return remember(await call("GET", "/web/session"));
}

export async function logIn(username, password) {
  return remember(await call("POST", "/web/session", { username, password }));
}

/** Throws a Refusal when the session goes on. */
export async function logOut() {
  await call("DELETE", "/web/session").catch((error) => {
    if (error.status !== 401) throw error;
  });
  otherTabs.postMessage({ ended: csrfToken });
  csrfToken = null;
}

/** What tells this session from the next one's, or null. */
export function currentSession() {
  return csrfToken;
}

/** Send a multipart form on behalf of a session, with its progress (0 to 1). Throws a Refusal; an AbortSignal stops it. */
export function upload(form, onProgress, signal, asking, key) {
  signal.throwIfAborted(); // it fires no event any more
  // fetch can't tell an upload's progress.
  const request = new XMLHttpRequest();
  request.open("POST", "/api/tasks");
  request.setRequestHeader("X-CSRF-Token", asking);
  request.setRequestHeader("Idempotency-Key", key);
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => event.lengthComputable && onProgress(event.loaded / event.total));
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () =>
      request.status < 300 ? resolve(request.response) : reject(refusal(request.status, request.response, asking, request.getResponseHeader("Retry-After"))));
    request.addEventListener("error", () => reject(new Refusal(0, { detail: "The upload broke off. Try again." })));
    request.addEventListener("abort", () => reject(signal.reason));
    request.send(form);
  });
}

function remember(answer) {
  csrfToken = answer.csrfToken;
  return answer.account;
}

function refusal(status, problem, asking, retryAfter) {
  if (status === 401) endOf(asking);
  return new Refusal(status, problem, retryAfter);
}

function endOf(session) {
  if (!csrfToken || session !== csrfToken) return;
  csrfToken = null;
  onLoggedOut();
}
