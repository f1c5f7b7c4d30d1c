// Prints the OpenAPI description of a running deployment: the generator of the types knows no token.

const url = process.env.WORKBENCH_URL ?? "http://127.0.0.1:7860";
const token = process.env.WORKBENCH_TOKEN;
const answer = await fetch(`${url}/openapi.json`, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
if (!answer.ok) {
  console.error(`${url} answered ${answer.status}: ${(await answer.json()).details?.remedy ?? ""}`);
  process.exit(1);
}
process.stdout.write(await answer.text());
