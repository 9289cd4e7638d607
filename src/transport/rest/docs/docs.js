// Renders /openapi.json for people. Text goes in as text only, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** An element with a class or none, and children that are elements or text. */
function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== undefined && child !== ""));
  return made;
}

const code = (text) => element("code", "", text);

/** What a `$ref` stands for, and its name. */
function resolve(document_, schema) {
  if (!schema || !schema.$ref) return { name: "", schema: schema || {} };
  const path = schema.$ref.replace(/^#\//, "").split("/");
  const found = path.reduce((at, key) => (at ? at[key] : undefined), document_);
  return { name: path[path.length - 1], schema: found || {} };
}

/** The type in a few words. */
function typeOf(document_, given) {
  const { name, schema } = resolve(document_, given);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  const choices = schema.oneOf || schema.anyOf;
  if (choices) return choices.map((choice) => typeOf(document_, choice)).join(" | ");
  const type = [].concat(schema.type || name || "object").join(" | ");
  if (schema.type === "array" && schema.items) return `array of ${typeOf(document_, schema.items)}`;
  return schema.format ? `${type} (${schema.format})` : name || type;
}

/** All members of an object, with those that it is put together from. */
function membersOf(document_, given) {
  const { schema } = resolve(document_, given);
  const parts = (schema.allOf || []).flatMap((part) => membersOf(document_, part));
  const required = schema.required || [];
  const own = Object.entries(schema.properties || {}).map(([name, member]) => {
    return { name, member, required: required.includes(name) };
  });
  return parts.concat(own);
}

/** A schema as a list of members; `seen` ends schemas that contain themselves. */
function schemaList(document_, given, seen = []) {
  const { name, schema } = resolve(document_, given);
  if (name && seen.includes(name)) return element("span", "quiet", name);
  const inside = name ? seen.concat(name) : seen;
  const choices = schema.oneOf || schema.anyOf;
  if (choices) {
    const lists = choices.map((choice) => element("li", "", schemaList(document_, choice, inside)));
    return element("div", "", element("span", "quiet", "one of"), element("ul", "", ...lists));
  }
  if (schema.type === "array" && schema.items) {
    return element("div", "", element("span", "quiet", "array of"), schemaList(document_, schema.items, inside));
  }
  const members = membersOf(document_, given);
  if (members.length === 0) return code(typeOf(document_, given));
  return element("ul", "", ...members.map((one) => memberItem(document_, one, inside)));
}

function memberItem(document_, { name, member, required }, seen) {
  const target = resolve(document_, member).schema;
  const about = member.description || target.description || "";
  const label = [code(name), " ", element("span", "quiet", typeOf(document_, member) + (required ? "" : ", optional"))];
  const item = element("li", "", ...label, about ? ` – ${about}` : "");
  const items = target.type === "array" ? target.items : member;
  if (membersOf(document_, items).length > 0) item.append(schemaList(document_, items, seen));
  return item;
}

function section(title, ...children) {
  return element("div", "", element("h3", "", title), ...children);
}

function parameters(document_, given) {
  const items = given.map((parameter) => {
    const type = parameter.schema ? typeOf(document_, parameter.schema) : "";
    const told = `${type}, in ${parameter.in}${parameter.required ? "" : ", optional"}`;
    const about = parameter.description ? ` – ${parameter.description}` : "";
    return element("li", "", code(parameter.name), " ", element("span", "quiet", told), about);
  });
  return section("Parameters", element("ul", "", ...items));
}

/** What is sent or answered; the one form of refusals is described at the end. */
function content(document_, holder) {
  const kind = (holder.content || {})["application/json"];
  return kind && kind.schema ? schemaList(document_, kind.schema) : undefined;
}

function responses(document_, given) {
  const items = Object.entries(given).map(([status, response]) => {
    const { schema } = resolve(document_, response);
    return element("li", "", code(status), ` ${schema.description || ""}`, content(document_, schema));
  });
  return section("Answers", element("ul", "", ...items));
}

function security(given) {
  const names = (given || []).flatMap((one) => Object.keys(one));
  return names.length ? `Needs ${names.join(" or ").replaceAll("_", " ")}.` : "Needs no credential.";
}

function operation(document_, method, path, about) {
  const summary = element("summary", "", element("span", "method", method.toUpperCase()), code(path), about.summary || "");
  const inside = element("div", "inside", element("p", "quiet", security(about.security)));
  if (about.description) inside.append(element("p", "", about.description));
  if (about.parameters && about.parameters.length) inside.append(parameters(document_, about.parameters));
  const body = about.requestBody && content(document_, about.requestBody);
  if (body) inside.append(section("Body", body));
  inside.append(responses(document_, about.responses || {}));
  const details = element("details", "", summary, inside);
  details.dataset.words = `${method} ${path} ${about.summary || ""}`.toLowerCase();
  return details;
}

/** Operations by their first tag, in the order of the document's tags. */
function groups(document_) {
  const found = new Map((document_.tags || []).map((tag) => [tag.name, { about: tag.description, all: [] }]));
  for (const [path, item] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const [tag] = item[method].tags || ["Other"];
      if (!found.has(tag)) found.set(tag, { about: "", all: [] });
      found.get(tag).all.push(operation(document_, method, path, item[method]));
    }
  }
  return found;
}

function refusals(document_) {
  const problem = { $ref: "#/components/schemas/Problem" };
  return element("section", "", element("h2", "", "Refusals"), schemaList(document_, problem));
}

function show(document_) {
  document.getElementById("title").textContent = `${document_.info.title} API ${document_.info.version}`;
  document.getElementById("about").textContent = document_.info.description || "";
  const sections = [...groups(document_)].map(([tag, { about, all }]) => {
    return element("section", "", element("h2", "", tag), element("p", "", about || ""), ...all);
  });
  sections.push(refusals(document_));
  document.getElementById("operations").replaceChildren(...sections);
}

function filter(event) {
  const words = event.target.value.toLowerCase().split(/\s+/);
  for (const details of document.querySelectorAll("details")) {
    details.hidden = !words.every((word) => details.dataset.words.includes(word));
  }
}

document.getElementById("find").addEventListener("input", filter);
fetch("openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`status ${response.status}`))))
  .then(show)
  .catch((error) => {
    const told = element("p", "", `The document could not be loaded: ${error.message}`);
    document.getElementById("operations").replaceChildren(told);
  });
