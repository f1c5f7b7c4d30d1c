// @ts-check
// Swagger UI with the OpenAPI document of this server. Its validator is disabled, because it would contact another host.
// @ts-expect-error: a global of Swagger UI
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
});
