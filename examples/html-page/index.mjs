// An HTML page from a template file and the JSON data of the event.
//
// The template knows two things: {{name}}, filled in with HTML escaped, and {{#list}} ... {{/list}}, repeated for
// each element of a list. The answer has the form that function URLs and API Gateway turn into an HTTP response.

import { readFile } from "node:fs/promises";

// Read once per environment: warm starts find it in memory.
const template = await readFile(new URL("page.html", import.meta.url), "utf8");

export const handler = async (event) => {
  const body = render(template, event);
  console.log(`rendered ${body.length} characters for ${JSON.stringify(event.title)}`);
  return { statusCode: 200, headers: { "content-type": "text/html; charset=utf-8" }, body };
};

function render(text, data) {
  const block = /[ \t]*\{\{#(\w+)\}\}\n([\s\S]*?)[ \t]*\{\{\/\1\}\}\n/g;
  const repeated = text.replace(block, (_, name, inner) =>
    (data[name] ?? []).map((element) => fill(inner, element)).join(""));
  return fill(repeated, data);
}

function fill(text, data) {
  return text.replace(/\{\{(\w+)\}\}/g, (whole, name) => (name in data ? escape(data[name]) : whole));
}

function escape(value) {
  const entities = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return String(value).replace(/[&<>"']/g, (character) => entities[character]);
}
