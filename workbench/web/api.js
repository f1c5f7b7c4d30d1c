// Calls of the HTTP API. An answer that is an error is thrown as {message, code, details, status}.

let session = null;

/** Where the API is; a notebook widget sets another base than the page's own. */
export const place = { base: "" };

export class ApiError extends Error {
  constructor(status, body) {
    super(body.error ?? `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.details = body.details ?? {};
  }
}

/** Who is asked for and what this bench is; asked once a page. */
export function whoami() {
  session ??= call("GET", "/api/session").catch((error) => {
    session = null;
    throw error;
  });
  return session;
}

export async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  const changes = method !== "GET";
  if (changes && path !== "/api/session") headers["X-CSRF-Token"] = (await whoami().catch(() => ({}))).csrfToken ?? "";
  const options = { method, headers, credentials: "same-origin" };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(place.base + path, options);
  } catch {
    throw new ApiError(0, { error: "the workbench does not answer", code: "app.unreachable", details: { remedy: "It may be restarting; this page goes on by itself. Otherwise: `workbench status`." } });
  }
  if (answer.status === 401 && !place.base) askForLogin();
  const text = await answer.text();
  let read = {};
  try {
    read = text ? JSON.parse(text) : {};
  } catch {
    read = { error: `the server answered ${answer.status}, and not with JSON` };
  }
  if (!answer.ok) throw new ApiError(answer.status, read);
  return read;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);

/** Says that the session ended, once; what is typed on the page stays. */
export function askForLogin() {
  if (document.getElementById("wb-login-again")) return;
  const link = document.createElement("a");
  link.href = `/login?next=${encodeURIComponent(window.location.pathname + window.location.search)}`;
  link.target = "_blank"; // logging in beside this page loses nothing of it
  link.textContent = "Log in again";
  link.addEventListener("click", () => {
    session = null;
    document.getElementById("wb-login-again")?.remove();
  });
  const said = document.createElement("p");
  said.id = "wb-login-again";
  said.className = "wb-notice wb-login-again";
  said.setAttribute("role", "alert");
  said.append("Your session has ended. ", link, ", in another tab; what you typed here stays.");
  document.body.prepend(said);
}

/** A query string without what is empty; lists repeat their name. */
export function query(values) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== "" && one !== null && one !== undefined) search.append(name, one);
    }
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}
