// The service's HTTP API as the page uses it: the session's cookie goes along by itself, the CSRF token by us.

/** What the service answered when it refused: a sentence, and one a field where fields are wrong. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail || "The service doesn't answer as it should. Try again.");
    this.status = status;
    this.fields = problem?.errors ?? [];
  }
}

let csrfToken = null;
let onLoggedOut = () => {};

/** Call `handler` when the service no longer knows the session. */
export function whenLoggedOut(handler) {
  onLoggedOut = handler;
}

/** Ask the service; gives the answer's JSON, or null when it has none. Throws a Refusal. */
export async function call(method, path, body) {
  const asking = csrfToken;
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(csrfToken && { "X-CSRF-Token": csrfToken }) };
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refusal(0, { detail: "The service can't be reached. Is it running?" });
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw refusal(answer.status, await answer.json().catch(() => null), asking);
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
      request.status < 300 ? resolve(request.response) : reject(refusal(request.status, request.response, asking)));
    request.addEventListener("error", () => reject(new Refusal(0, { detail: "The upload broke off. Try again." })));
    request.addEventListener("abort", () => reject(signal.reason));
    request.send(form);
  });
}

function remember(answer) {
  csrfToken = answer.csrfToken;
  return answer.account;
}

function refusal(status, problem, asking) {
  if (status === 401 && csrfToken && asking === csrfToken) {
    csrfToken = null;
    onLoggedOut();
  }
  return new Refusal(status, problem);
}
