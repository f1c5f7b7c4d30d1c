// Submits a graph to the deployment at WORKBENCH_URL, watches it to its end and reads what it made.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { type LiveUpdate, Refused, client, isFinal, watch } from "../src/client.js";

const url = process.env.WORKBENCH_URL ?? "http://127.0.0.1:7860";
const token = process.env.WORKBENCH_TOKEN;
const path = process.env.WORKBENCH_GRAPH ?? "../../examples/fan_out.json";
const api = client(url, token);

test("a graph is submitted, watched to its end, and what it made is listed", async () => {
  const graph = JSON.parse(readFileSync(path, "utf-8"));
  const submitted = await api.POST("/api/jobs", { body: { graph, experiment: "typescript" } });
  assert.equal(submitted.error, undefined);
  assert.equal(submitted.response.status, 202);
  const jobId = submitted.data!.jobId;

  const seen: LiveUpdate[] = [];
  for await (const update of watch(url, jobId, token)) seen.push(update);
  const last = seen.at(-1)!;
  assert.ok(isFinal(last));
  assert.equal(last.status, "completed");
  assert.equal(last.progress, 1);
  const numbers = seen.flatMap((update) => update.events.map((event) => event.seq));
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  assert.equal(numbers.at(0), 1);
  assert.equal(new Set(numbers).size, numbers.length);

  const listed = await api.GET("/api/jobs/{job_id}/artifacts", { params: { path: { job_id: jobId } } });
  const outputs = listed.data!.artifacts.filter((entry) => entry.role === "output");
  assert.ok(outputs.length > 0);
  for (const entry of outputs) assert.match(entry.url, /^\/api\/artifacts\/[0-9a-f]{64}$/);
});

test("a refusal has its code and its remedy", async () => {
  const answer = await api.GET("/api/jobs/{job_id}", { params: { path: { job_id: "no-such-job" } } });
  assert.equal(answer.response.status, 404);
  assert.equal(answer.error?.code, "job.unknown");
  await assert.rejects(watch(url, "no-such-job", token).next(), (error) => error instanceof Refused);
});
