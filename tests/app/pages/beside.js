// What a page of another origin tries with the workbench in the same browser; returns {what: how it ended}.
async ({ url, job, digest }) => {
  const tried = {};
  const make = (tag, more = {}) => Object.assign(document.createElement(tag), more);
  const loaded = (element, name, value) => new Promise((resolve) => {
    element.onload = element.onloadeddata = () => resolve("loaded");
    element.onerror = () => resolve("refused");
    element[name] = value;
    document.body.append(element);
    setTimeout(() => resolve("nothing"), 5000);
  });
  const read = (path, options) => fetch(url + path, { credentials: "include", ...options })
    .then((answer) => (answer.type === "opaque" ? "opaque" : answer.text()), () => "refused");

  for (const path of ["/api/jobs", "/api/session", `/api/jobs/${job}`, `/api/artifacts/${digest}`, "/", "/metrics"]) {
    tried[`fetch ${path}`] = await read(path);
    tried[`no-cors ${path}`] = await read(path, { mode: "no-cors" });
  }
  tried.cancel = await read(`/api/jobs/${job}/cancel`, { method: "POST", mode: "no-cors", body: "{}" });
  tried.submit = await read("/api/jobs", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  tried.image = await loaded(make("img"), "src", `${url}/api/artifacts/${digest}/thumbnail?size=160`);
  tried.video = await loaded(make("video"), "src", `${url}/api/artifacts/${digest}`);
  tried.script = await loaded(make("script"), "src", `${url}/web/api.js`);
  tried.module = await loaded(make("script", { type: "module" }), "src", `${url}/web/api.js`);
  tried.style = await loaded(make("link", { rel: "stylesheet" }), "href", `${url}/web/style/palette.css`);
  tried.events = await new Promise((resolve) => {
    const source = new EventSource(`${url}/gradio_api/queue/data`, { withCredentials: true });
    source.onopen = () => resolve("opened");
    source.onerror = () => (source.close(), resolve("refused"));
  });
  tried.socket = await new Promise((resolve) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
    socket.onopen = () => resolve("opened");
    socket.onerror = () => resolve("refused");
  });
  const frame = document.querySelector("iframe");
  await loaded(frame, "src", `${url}/`);
  try {
    tried.frame = frame.contentWindow.document.body.innerText;
  } catch {
    tried.frame = "refused";
  }
  for (const [path, body] of [["/api/jobs", '{"graph": {}, "x": "'], ["/logout", "x"], [`/api/jobs/${job}/cancel`, "x"]]) {
    const form = make("form", { action: url + path, method: "POST", enctype: "text/plain", target: frame.name });
    form.append(make("input", { name: body, value: '"}' }));
    document.body.append(form);
    const answered = new Promise((resolve) => (frame.onload = resolve));
    form.submit();
    await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 5000))]);
  }
  const popup = window.open(`${url}/api/session`);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  try {
    tried.popup = popup.document.body.innerText;
  } catch {
    tried.popup = "refused";
  }
  return tried;
};
