import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Feed } from "../../workbench/web/feed.js";

globalThis.WebSocket ??= { OPEN: 1 };
let sockets;
const connect = () => {
  const socket = { readyState: 0, sent: [], send: (text) => socket.sent.push(JSON.parse(text)), close: () => socket.onclose({ code: 1006 }) };
  sockets.push(socket);
  return socket;
};
const open = (socket) => {
  socket.readyState = WebSocket.OPEN;
  socket.onopen();
};
const tell = (socket, message) => socket.onmessage({ data: JSON.stringify(message) });

beforeEach(() => {
  sockets = [];
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});
afterEach(() => mock.timers.reset());

test("after a break each job goes on behind the last cursor, and is told of both", () => {
  const heard = [];
  const stop = new Feed(connect).watch("j", (message) => heard.push(message));
  open(sockets[0]);
  assert.deepEqual(sockets[0].sent, [{ action: "subscribe", jobId: "j" }]);
  tell(sockets[0], { type: "update", jobId: "j", cursor: "1-7" });
  sockets[0].close();
  mock.timers.tick(1000);
  open(sockets[1]);
  assert.deepEqual(sockets[1].sent, [{ action: "subscribe", jobId: "j", after: "1-7" }]);
  assert.deepEqual(heard.map((one) => one.connected ?? one.cursor), [true, "1-7", false, true]);
  stop();
  assert.deepEqual(sockets[1].sent.at(-1), { action: "unsubscribe", jobId: "j" });
});

test("a socket that is silent for too long is closed and opened again", () => {
  new Feed(connect).watch("j", () => {});
  open(sockets[0]);
  mock.timers.tick(60_000);
  mock.timers.tick(1000);
  assert.equal(sockets.length, 2);
});

test("a refusal that passes is asked for again, one that lasts is not", () => {
  for (const [code, count] of [["bus.unreachable", 2], ["job.unknown", 1]]) {
    sockets = [];
    const failures = [];
    new Feed(connect).watch("j", (message) => message.failed && failures.push(message.failed.code));
    open(sockets[0]);
    tell(sockets[0], { action: "response", message: "failed", jobId: "j", code });
    mock.timers.tick(2500);
    assert.equal(sockets[0].sent.length, count, code);
    assert.deepEqual(failures, [code]);
  }
});
