// @ts-check
// What a job ended with, so that views beside each other show it once: its error, and its video.

/**
 * Whether the error of the job is that of this node.
 * @param {any} job  A job of `follow`.
 * @param {any} node
 */
export const isErrorOf = (job, node) => Boolean(job.status === "failed" && job.error && node.error && job.error.code === node.error.code && job.error.message === node.error.message);

/**
 * The video of a job among its output files: the declared result of its pipeline, else the last one.
 * @param {any} job
 * @param {any[]} made
 */
export function videoOf(job, made) {
  const result = job.record?.result ?? {};
  const videos = made.filter((one) => one.ref.kind === "video");
  return videos.find((one) => one.node === result.node && one.name === result.name) ?? videos.at(-1) ?? null;
}
