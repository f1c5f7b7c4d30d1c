// @ts-check
// Swagger UI over this server's own description. Nothing is asked of any other host: the validator that Swagger UI would
// offer is switched off.
// @ts-expect-error: Swagger UI puts it there
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
