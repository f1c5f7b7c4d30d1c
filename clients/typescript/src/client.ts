// The HTTP API, typed by what the server says of itself (`npm run generate`), and live states over its WebSocket.

import createClient from "openapi-fetch";
import WebSocket from "ws";

import type { components, paths } from "./schema.js";

export type LiveUpdate = components["schemas"]["LiveUpdate"];
type LiveResponse = components["schemas"]["LiveResponse"];
type LiveHeartbeat = components["schemas"]["LiveHeartbeat"];

export function client(url: string, token?: string) {
  return createClient<paths>({ baseUrl: url, headers: token ? { Authorization: `Bearer ${token}` } : {} });
}

const AGAIN_AFTER_MS = 500;

export function isFinal(update: LiveUpdate): boolean {
  return update.status === "completed" || update.status === "failed" || update.status === "cancelled";
}

/** Updates of a job until it has ended. A connection that breaks is made again, and goes on behind the last event. */
export async function* watch(url: string, jobId: string, token?: string): AsyncGenerator<LiveUpdate> {
  let after = "0-0";
  while (true) {
    try {
      for await (const update of updates(url, jobId, after, token)) {
        after = update.cursor;
        yield update;
        if (isFinal(update)) return;
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}

/** The server does not show this job. */
export class Refused extends Error {
  constructor(readonly answer: LiveResponse) {
    super(answer.error ?? "refused");
  }
}

async function* updates(url: string, jobId: string, after: string, token?: string): AsyncGenerator<LiveUpdate> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws`, {
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  });
  const waiting: (LiveUpdate | Error | null)[] = [];
  let wake = () => {};
  const add = (item: LiveUpdate | Error | null) => {
    waiting.push(item);
    wake();
  };
  socket.on("open", () => socket.send(JSON.stringify({ action: "subscribe", jobId, after })));
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString()) as LiveUpdate | LiveResponse | LiveHeartbeat;
    if ("action" in message) {
      if (message.message === "failed") add(new Refused(message));
    } else if (message.type === "update") {
      add(message);
    }
  });
  socket.on("error", add);
  socket.on("close", () => add(null));
  try {
    while (true) {
      while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const item = waiting.shift();
      if (item instanceof Error) throw item;
      if (item == null) return;
      yield item;
    }
  } finally {
    socket.close();
  }
}
