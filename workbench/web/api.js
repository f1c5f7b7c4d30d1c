// Calls of the HTTP API. An answer that is an error is thrown as {message, code, details, status}.

let session = null;

/**
 * Where the API is. In a page it is the page's own server. In a notebook `transport` leads through the kernel: {call(method,
 * path, body), open() -> like a WebSocket, media(path) -> address, text(path)}; and `base` is the address of the bench's
 * page where a browser may go there, else empty.
 */
export const place = { base: "", transport: null };

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
  if (place.transport) return place.transport.call(method, path, body);
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

/** The address of a page for people; null where none can be opened from here. */
export const pageUrl = (path) => (place.transport && !place.base ? null : place.base + path);

/** Give `element[name]` the address of what a path of the API leads to; returns the element. */
export function lead(element, name, path, { anew = false } = {}) {
  const found = place.transport ? place.transport.media(path, anew) : place.base + path;
  if (typeof found === "string") element[name] = found;
  else found.then((url) => (element[name] = url)).catch(() => null); // what cannot be had is not shown
  return element;
}

/** The text that a path of the API leads to. */
export async function readText(path) {
  if (place.transport) return place.transport.text(path);
  const answer = await fetch(place.base + path);
  if (!answer.ok) throw new ApiError(answer.status, {});
  return answer.text();
}

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
