// Names for the generated types: in a module `Api.Schema<"NodeRecord">` is the model NodeRecord, `Api.Answer<"GET /api/jobs">`
// what that question is answered.

import type { components, paths } from "../../build/js/schema.js";

type Method = "get" | "post" | "put" | "delete";
type Operations = {
  [P in keyof paths & string]: { [M in Method as paths[P][M] extends object ? `${Uppercase<M>} ${P}` : never]: paths[P][M] };
}[keyof paths & string];
type All<T> = (T extends any ? (one: T) => void : never) extends (one: infer I) => void ? I : never;
type ByName = All<Operations>;
type Json<O> = O extends { responses: infer R } ? { [S in keyof R]: S extends 200 | 201 | 202 ? (R[S] extends { content: { "application/json": infer A } } ? A : never) : never }[keyof R] : never;

declare global {
  interface Window {
    wbUploadRefusals: Record<string, string>; // the text of the last refusal, by field; "" where none stands
  }
  namespace Api {
    type Schema<N extends keyof components["schemas"]> = components["schemas"][N];
    type Question = keyof ByName;
    type Answer<Q extends Question> = Json<ByName[Q]>;
  }
}
