// @ts-check
// What the modules of the form know of it and no element shows: the pipeline, the stored files and the parameters.

/** @typedef {{pipeline: string, files: Record<string, {sha256: string, name: string}>, parameters: Record<string, any>}} FormState */

class State extends EventTarget {
  pipeline = "";
  /** @type {FormState["files"]} */
  files = {};
  /** @type {FormState["parameters"]} */
  parameters = {};

  /** What takes a stored file into a field, by the name of the input. @type {Map<string, (sha256: string) => void>} */
  takers = new Map();

  /** @param {string} pipeline @param {FormState["parameters"]} parameters */
  setParameters(pipeline, parameters) {
    this.pipeline = pipeline;
    this.parameters = parameters;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} field @param {{sha256: string, name: string} | null} file */
  setFile(field, file) {
    if (file) this.files[field] = file;
    else delete this.files[field];
    this.dispatchEvent(new Event("change"));
  }
}

export const formState = new State();
